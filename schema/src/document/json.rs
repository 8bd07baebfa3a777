//! JSON into the raw document: plain JSON, without comments or trailing commas.
//!
//! `serde_json` checks the syntax. Values and keys are taken from it as borrowed pieces of the
//! text, whose addresses say where they stand. Of mistakes in the syntax only the first is known.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess};
use serde_json::value::RawValue;

use super::{Entry, Node, Table, Value};
use crate::limits::JSON_DEPTH_MAX;
use crate::mistake::{MistakeKind, Mistakes};
use crate::quote::quote;

/// Reads what can be read; what cannot is in `mistakes`.
pub(crate) fn read<'s>(source: &'s str, mistakes: &mut Mistakes) -> Table<'s> {
    let root = match serde_json::from_str::<&RawValue>(source) {
        Ok(root) => root,
        Err(error) => {
            let at = offset(source, error.line(), error.column());
            mistakes.add(MistakeKind::Syntax, &(at..at), describe(&error), help(&error));
            return Table::default();
        }
    };
    let mut reader = Reader { source, mistakes };
    let node = reader.node(root, 0);
    match node.value {
        Value::Table(table) => table,
        other => {
            reader.mistakes.add(
                MistakeKind::Type,
                &node.span,
                format!("a schema is a table of workers, this is {}", other.description()),
                Some("write { \"worker\": { ... } }".to_owned()),
            );
            Table::default()
        }
    }
}

/// The message without the position, which is reported by itself.
fn describe(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(at) => message[..at].to_owned(),
        None => message,
    }
}

fn help(error: &serde_json::Error) -> String {
    if error.is_eof() {
        "the text ends too early: close every { and [ that is open".to_owned()
    } else {
        "plain JSON has keys in quotes, no comments, no comma after the last entry".to_owned()
    }
}

/// The byte that a line and a column of `serde_json` mean. Its columns count bytes from 1, and 0 is
/// the line break before the line.
fn offset(source: &str, line: usize, column: usize) -> usize {
    let line_start = match line.checked_sub(2) {
        None => 0,
        Some(breaks) => {
            source.match_indices('\n').nth(breaks).map_or(source.len(), |(at, _)| at + 1)
        }
    };
    (line_start + column.saturating_sub(1)).min(source.len())
}

struct Reader<'s, 'm> {
    source: &'s str,
    mistakes: &'m mut Mistakes,
}

impl<'s> Reader<'s, '_> {
    /// Where a piece of the text stands in it.
    fn span(&self, piece: &str) -> Range<usize> {
        let start = (piece.as_ptr() as usize).saturating_sub(self.source.as_ptr() as usize);
        start..start + piece.len()
    }

    fn node(&mut self, raw: &'s RawValue, depth: usize) -> Node<'s> {
        let text = raw.get();
        let span = self.span(text);
        let value = match text.as_bytes().first() {
            Some(b'{' | b'[') if depth >= JSON_DEPTH_MAX => {
                let message = format!("nested deeper than {JSON_DEPTH_MAX} levels");
                self.mistakes.add(MistakeKind::Limit, &(span.start..span.start + 1), message, None);
                Value::Other("a value nested too deeply")
            }
            Some(b'{') => Value::Table(self.table(text, depth)),
            Some(b'[') => Value::Array(self.array(text, depth)),
            Some(b'"') => self.string(text),
            Some(b't') => Value::Boolean(true),
            Some(b'f') => Value::Boolean(false),
            Some(b'n') => Value::Other("null"),
            _ => number(text),
        };
        Node { span, value }
    }

    fn table(&mut self, text: &'s str, depth: usize) -> Table<'s> {
        let Members(members) = self.parse(text).unwrap_or_default();
        let mut first: BTreeMap<Cow<'s, str>, usize> = BTreeMap::new();
        let mut table = Table::default();
        for (raw_key, raw_value) in members {
            let key_span = self.span(raw_key.get());
            let Some(key) = self.parse::<Text<'s>>(raw_key.get()) else {
                continue;
            };
            if first.insert(key.0.clone(), key_span.start).is_some() {
                self.mistakes.add(
                    MistakeKind::Duplicate,
                    &key_span,
                    format!("{} is there twice", quote(&key.0)),
                    Some("say it once: join the two, or give one another name".to_owned()),
                );
                continue;
            }
            let node = self.node(raw_value, depth + 1);
            table.entries.push(Entry { key: key.0, key_span, node });
        }
        table
    }

    fn array(&mut self, text: &'s str, depth: usize) -> Vec<Node<'s>> {
        let items: Vec<&'s RawValue> = self.parse(text).unwrap_or_default();
        items.into_iter().map(|item| self.node(item, depth + 1)).collect()
    }

    fn string(&mut self, text: &'s str) -> Value<'s> {
        match self.parse::<Text<'s>>(text) {
            Some(text) => Value::String(text.0),
            None => Value::Other("a string that cannot be read"),
        }
    }

    /// Parses a piece whose outer syntax is known to be right; escapes may still be wrong.
    fn parse<T: Deserialize<'s>>(&mut self, text: &'s str) -> Option<T> {
        match serde_json::from_str(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let span = self.span(text);
                let help = "write the character itself, or a whole escape".to_owned();
                self.mistakes.add(MistakeKind::Syntax, &span, describe(&error), help);
                None
            }
        }
    }
}

fn number<'s>(text: &str) -> Value<'s> {
    match text.parse() {
        Ok(number) => Value::Whole(number),
        Err(_) if text.contains(['.', 'e', 'E']) => Value::Other("a number with a point"),
        Err(_) if text.starts_with('-') => Value::Other("a negative number"),
        Err(_) => Value::Other("too large a number"),
    }
}

/// A JSON string, borrowed where it has no escapes.
struct Text<'s>(Cow<'s, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// The members of an object as they stand, doubled keys included.
#[derive(Default)]
struct Members<'s>(Vec<(&'s RawValue, &'s RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
