//! The values of one source, each with its origin, as a source of the `config` crate, which lays
//! one layer over the other.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use config::{Source, Value, ValueKind};

use super::key::{Key, Section};
use super::mistake::Mistakes;

/// Where a source names one of the first, what the sources below it say of the second no longer
/// holds: a join key in the environment replaces a mesh secret in the file.
const REPLACED: [(&[&str], &[&str]); 4] = [
    (&["secret", "secret_file"], &["secret", "secret_file", "join_key", "join_key_file"]),
    (
        &["join_key", "join_key_file"],
        &[
            "secret",
            "secret_file",
            "secret_previous",
            "secret_previous_file",
            "join_key",
            "join_key_file",
        ],
    ),
    (&["secret_previous", "secret_previous_file"], &["secret_previous", "secret_previous_file"]),
    (&["admin_token", "admin_token_file"], &["admin_token", "admin_token_file"]),
];

/// The values of one source for one role, by their path.
#[derive(Clone)]
pub(super) struct Layer {
    role: Section,
    values: BTreeMap<String, Value>,
}

impl Layer {
    pub(super) fn new(role: Section) -> Self {
        Self { role, values: BTreeMap::new() }
    }

    /// The layer of what code has set; `origin` says so.
    pub(super) fn in_code(
        role: Section,
        values: Vec<(&'static Key, Option<ValueKind>)>,
        origin: &str,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut layer = Self::new(role);
        for (key, value) in values {
            match value {
                Some(value) => layer.set(key, value, origin),
                None => {
                    let wrong = format!("`{}` is a path that is not UTF-8", key.path());
                    mistakes.add(Some(origin), wrong, "give a path of plain characters");
                }
            }
        }
        layer
    }

    /// Takes a value; one for another role is checked by that role, and dropped here.
    pub(super) fn set(&mut self, key: &Key, value: ValueKind, origin: &str) {
        if key.section.is_of(self.role) {
            self.values.insert(key.path(), Value::new(Some(&origin.to_owned()), value));
        }
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<HashMap<String, Value>, config::ConfigError> {
        let mut values: HashMap<String, Value> = self.values.clone().into_iter().collect();
        for (named, replaced) in REPLACED {
            if named.iter().any(|name| self.values.contains_key(*name)) {
                for name in replaced {
                    values.entry((*name).to_owned()).or_insert_with(|| ValueKind::Nil.into());
                }
            }
        }
        Ok(values)
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({:?})", self.values.keys().collect::<Vec<_>>())
    }
}
