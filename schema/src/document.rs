//! The raw document: what a file says, with the place of every key and value, before any of it is
//! understood. TOML and JSON are read into the same form, so that the rest knows neither.

pub(crate) mod json;
pub(crate) mod toml;

use std::borrow::Cow;
use std::ops::Range;

/// A value and its place in the text, in bytes.
#[derive(Debug)]
pub(crate) struct Node<'s> {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value<'s>,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Value<'s> {
    String(Cow<'s, str>),
    Boolean(bool),
    /// A whole number that is not negative.
    Whole(u64),
    Array(Vec<Node<'s>>),
    Table(Table<'s>),
    /// Something that no option takes, described with its article.
    Other(&'static str),
}

impl Value<'_> {
    /// What it is, with its article: "a string".
    pub(crate) fn description(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Boolean(_) => "true or false",
            Self::Whole(_) => "a number",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(description) => description,
        }
    }
}

/// The entries of a table in the order of the text; no key twice.
#[derive(Debug, Default)]
pub(crate) struct Table<'s> {
    pub(crate) entries: Vec<Entry<'s>>,
}

/// A key, its place, and its value.
#[derive(Debug)]
pub(crate) struct Entry<'s> {
    pub(crate) key: Cow<'s, str>,
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node<'s>,
}

impl<'s> Table<'s> {
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'s>> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}
