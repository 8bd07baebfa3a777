//! TOML into the raw document. The parser goes on after a syntax mistake, so that all are reported.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use super::{Entry, Node, Table, Value};
use crate::mistake::{MistakeKind, Mistakes};
use crate::place::Places;

/// Reads what can be read; what cannot is in `mistakes`.
pub(crate) fn read<'s>(source: &'s str, mistakes: &mut Mistakes) -> Table<'s> {
    let (root, mut errors) = DeTable::parse_recoverable(source);
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let places = Places::new(source);
    let mut last_broken_line = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        // The parser finds its feet again with more mistakes in the same line.
        let line = Some(places.line(span.start));
        if line == last_broken_line {
            continue;
        }
        if error.message() == "duplicate key" {
            let help = "say it once: join the two, or give one another name".to_owned();
            mistakes.add(MistakeKind::Duplicate, &span, "this key is there twice", help);
            continue;
        }
        last_broken_line = line;
        let (message, help) = message_and_help(error.message());
        mistakes.add(MistakeKind::Syntax, &span, message, help);
    }
    table(root.into_inner())
}

/// The parser's message in our form: what is wrong, what to write.
fn message_and_help(message: &str) -> (String, Option<String>) {
    let message = message.replace('\n', " ");
    match message.split_once(", expected ") {
        Some((wrong, "nothing")) => (wrong.to_owned(), Some("remove it".to_owned())),
        Some((wrong, expected)) => {
            (wrong.to_owned(), Some(format!("TOML expects {expected} here")))
        }
        None => (message, None),
    }
}

fn table(table: DeTable<'_>) -> Table<'_> {
    let mut entries: Vec<Entry<'_>> = table.into_iter().map(entry).collect();
    // The parser's own order is that of the alphabet.
    entries.sort_by_key(|entry| entry.key_span.start);
    Table { entries }
}

fn entry<'s>((key, value): (Spanned<DeString<'s>>, Spanned<DeValue<'s>>)) -> Entry<'s> {
    let key_span = key.span();
    Entry { key: key.into_inner(), node: node(value), key_span }
}

fn node(value: Spanned<DeValue<'_>>) -> Node<'_> {
    let span: Range<usize> = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text),
        DeValue::Integer(number) => whole(&number),
        DeValue::Float(_) => Value::Other("a number with a point"),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(items) => Value::Array(items.into_iter().map(node).collect()),
        DeValue::Table(entries) => Value::Table(table(entries)),
    };
    Node { span, value }
}

fn whole<'s>(number: &DeInteger<'_>) -> Value<'s> {
    match u64::from_str_radix(number.as_str(), number.radix()) {
        Ok(number) => Value::Whole(number),
        Err(_) if number.as_str().starts_with('-') => Value::Other("a negative number"),
        Err(_) => Value::Other("too large a number"),
    }
}
