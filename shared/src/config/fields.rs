//! Reading one value of the merged layers: what it should be, or a mistake that says where it came
//! from and what to write instead.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use config::{Value, ValueKind};
use meshwork_schema::duration::{self, DurationError};
use meshwork_schema::limits::DURATION_MS_MAX;
use meshwork_schema::quote;

use super::key::{Key, Section};
use super::mistake::{ConfigError, Mistakes};

/// Texts that begin a private key: whatever holds one is never shown, wherever it was put.
const KEY_PREFIXES: [&str; 4] = ["mesh1_", "join1_", "nodekey1_", "authoritykey1_"];

/// A text of a source, made safe to show.
pub(super) fn shown(text: &str) -> String {
    match KEY_PREFIXES.iter().any(|prefix| text.contains(prefix)) {
        true => "a key (not shown)".to_owned(),
        false => quote(text),
    }
}

/// Whether there is a whole private key in it, which only the settings of secrets may hold.
fn holds_key(text: &str) -> bool {
    let is_long = |rest: &str| rest.bytes().take(32).filter(u8::is_ascii_graphic).count() == 32;
    KEY_PREFIXES.iter().any(|prefix| text.split(prefix).skip(1).any(is_long))
}

/// The merged values of one role, and the mistakes found so far.
pub(super) struct Fields {
    role: Section,
    root: Value,
    pub(super) mistakes: Mistakes,
}

/// A value with its origin.
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) origin: String,
}

impl Fields {
    pub(super) fn new(role: Section, root: Value, mistakes: Mistakes) -> Self {
        Self { role, root, mistakes }
    }

    /// `resolved`, if there was no mistake.
    pub(super) fn finish<T>(self, resolved: Option<T>) -> Result<T, ConfigError> {
        self.mistakes.none_or(resolved)
    }

    /// Whether a source says anything of it, right or wrong.
    pub(super) fn is_set(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// Where it was set, to say so in a mistake about two settings together.
    pub(super) fn origin(&self, path: &str) -> Option<String> {
        self.find(path).and_then(Value::origin).map(str::to_owned)
    }

    /// Adds that a needed setting is nowhere.
    pub(super) fn missing(&mut self, name: &str, example: &str) {
        if let Some(key) = self.role.key(name) {
            self.mistakes.missing(key, example);
        }
    }

    /// Adds what is wrong with the value of `path`.
    pub(super) fn wrong(&mut self, path: &str, wrong: &str, help: &str) {
        let origin = self.origin(path);
        self.mistakes.add(origin.as_deref(), format!("`{path}` {wrong}"), help);
    }

    /// A text; a private key only where one belongs.
    pub(super) fn text(&mut self, path: &str) -> Option<Given<String>> {
        let value = self.find(path)?;
        match &value.kind {
            ValueKind::String(text) if !self.is_secret(path) && holds_key(text) => {
                let help = "move it to the setting for such a key, which has no `_file` at its end";
                self.wrong(path, "is a key (not shown), which does not belong here", help);
                None
            }
            ValueKind::String(text) => {
                let origin = value.origin().unwrap_or_default().to_owned();
                Some(Given { value: text.clone(), origin })
            }
            other => {
                let wrong = format!("is {}, but a text is needed", sort(other));
                self.wrong(path, &wrong, "write it in double quotes");
                None
            }
        }
    }

    /// A text that `parse` understands.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        path: &str,
        help: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(path)?.value;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(path, &format!("is {}: {error}", shown(&text)), help);
                None
            }
        }
    }

    /// A path that names something.
    pub(super) fn path(&mut self, path: &str) -> Option<PathBuf> {
        let text = self.text(path)?.value;
        if text.is_empty() {
            self.wrong(path, "is empty", "write a path, or leave it out");
            return None;
        }
        Some(text.into())
    }

    /// A list of texts: an array, or one text with commas.
    pub(super) fn list(&mut self, path: &str) -> Option<Vec<String>> {
        let help = "write a list of texts, as in [\"one\", \"two\"] (a variable: one,two)";
        let kind = self.find(path)?.kind.clone();
        let items = match &kind {
            ValueKind::String(text) => {
                text.split(',').map(|item| Some(item.trim().to_owned())).collect()
            }
            ValueKind::Array(items) => items.iter().map(text_of).collect::<Option<Vec<String>>>(),
            _ => None,
        };
        if items.is_none() {
            self.wrong(path, &format!("is {}, but a list of texts is needed", sort(&kind)), help);
        }
        items
    }

    /// True or false; false when it is not set.
    pub(super) fn flag(&mut self, path: &str) -> bool {
        let Some(value) = self.find(path) else {
            return false;
        };
        let wrong = match &value.kind {
            ValueKind::Boolean(value) => return *value,
            ValueKind::String(text) if text == "true" => return true,
            ValueKind::String(text) if text == "false" => return false,
            ValueKind::String(text) => shown(text),
            other => sort(other).to_owned(),
        };
        self.wrong(
            path,
            &format!("is {wrong}, which is neither true nor false"),
            "write true or false",
        );
        false
    }

    /// A whole number within `range`.
    pub(super) fn count(&mut self, path: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let help = format!("write a whole number from {} to {}", range.start(), range.end());
        self.number(path, range, &help, |text| text.parse().ok())
    }

    /// A size in bytes within `range`.
    pub(super) fn bytes(&mut self, path: &str, range: RangeInclusive<u64>) -> Option<usize> {
        let help = format!(
            "write bytes from {} to {}, as a whole number or as in \"64MiB\" (KiB, MiB, GiB)",
            range.start(),
            range.end()
        );
        // Bounds of this crate fit every machine it runs on.
        self.number(path, range, &help, bytes_of).map(|bytes| bytes as usize)
    }

    fn number(
        &mut self,
        path: &str,
        range: RangeInclusive<u64>,
        help: &str,
        parse: impl FnOnce(&str) -> Option<u64>,
    ) -> Option<u64> {
        let value = self.find(path)?;
        let (number, seen) = match &value.kind {
            ValueKind::U64(number) => (Some(*number), number.to_string()),
            ValueKind::I64(number) => (u64::try_from(*number).ok(), number.to_string()),
            ValueKind::String(text) => {
                // `parse` of a number would take a sign too.
                let number = Some(text).filter(|text| !text.starts_with('+'));
                (number.and_then(|text| parse(text)), shown(text))
            }
            other => (None, sort(other).to_owned()),
        };
        let within = number.filter(|number| range.contains(number));
        if within.is_none() {
            let why = if number.is_some() { "out of range" } else { "no such number" };
            self.wrong(path, &format!("is {seen}, which is {why}"), help);
        }
        within
    }

    /// A duration within `range`.
    pub(super) fn duration(
        &mut self,
        path: &str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        debug_assert!(*range.end() <= Duration::from_millis(DURATION_MS_MAX), "{path}: no text");
        let (min, max) = (duration::format(*range.start()), duration::format(*range.end()));
        let help = format!("write a time from \"{min}\" to \"{max}\", as in \"30s\" (ms, s, m, h)");
        let kind = self.find(path)?.kind.clone();
        let ValueKind::String(text) = kind else {
            self.wrong(path, &format!("is {} without a unit", sort(&kind)), &help);
            return None;
        };
        let wrong = match duration::parse(&text) {
            Ok(time) if range.contains(&time) => return Some(time),
            Ok(_) | Err(DurationError::TooLong) => "which is out of range",
            Err(DurationError::Shape) => "which is no duration",
        };
        self.wrong(path, &format!("is {}, {wrong}", shown(&text)), &help);
        None
    }

    fn find(&self, path: &str) -> Option<&Value> {
        let found = path.split('.').try_fold(&self.root, |value, name| match &value.kind {
            ValueKind::Table(table) => table.get(name),
            _ => None,
        });
        found.filter(|value| value.kind != ValueKind::Nil)
    }

    fn is_secret(&self, path: &str) -> bool {
        self.role.key(path).is_some_and(|key| key.is_secret)
    }

    /// The key of a role's own section.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.role.key(name)
    }
}

fn text_of(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// What sort of value it is, in words.
fn sort(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::U64(_) | ValueKind::I128(_) | ValueKind::U128(_) => {
            "a number"
        }
        ValueKind::Float(_) => "a number with a point or too large",
        ValueKind::String(_) => "a text",
        ValueKind::Array(_) => "a list",
        ValueKind::Table(_) | ValueKind::Nil => "something else",
    }
}

/// Bytes of `67108864` or `64MiB`.
fn bytes_of(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_bytes: u64 = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_bytes)
}
