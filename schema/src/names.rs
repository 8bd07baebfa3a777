//! The names of workers, commands and variants: text that has passed its rule, cheap to clone.
//!
//! A name that exists is valid: whoever holds one needs no further check, and nothing that the rule
//! forbids (control characters, direction marks, path parts) can reach a log, a file or a screen.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits::NAME_BYTES_MAX;

/// The word that means every worker of the schema where a list of workers could stand.
pub const ANY_NODE: &str = "anyNode";

/// Why a text is not a name.
///
/// The fault lies with whoever chose the text; it has to be changed, a retry does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a name may not be empty")]
    Empty,
    /// The text has this many bytes, more than [`NAME_BYTES_MAX`].
    #[error("a name has at most {NAME_BYTES_MAX} bytes, this one has {bytes}")]
    TooLong {
        /// Length of the refused text in bytes.
        bytes: usize,
    },
    /// The text begins with `_`, which is kept for Meshwork's own words.
    #[error("a name may not begin with `_`, which is kept for Meshwork's own words")]
    Underscore,
    /// A name of this kind may not begin with this character.
    #[error("a name may not begin with {character:?}")]
    Start {
        /// The character found.
        character: char,
    },
    /// A name of this kind may not contain this character.
    #[error("a name may not contain {character:?}")]
    Character {
        /// The character found.
        character: char,
        /// Where it stands, in bytes from the start of the text.
        at: usize,
    },
    /// The word has a meaning of its own in the schema (`anyNode`).
    #[error("`{ANY_NODE}` means every worker and cannot be a name")]
    Reserved,
}

/// The characters that a kind of name allows.
struct Rule {
    start: fn(char) -> bool,
    rest: fn(char) -> bool,
    reserved: Option<&'static str>,
}

impl Rule {
    fn check(&self, text: &str) -> Result<(), NameError> {
        // Length first, so that a megabyte of text costs nothing.
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong { bytes: text.len() });
        }
        let Some(first) = text.chars().next() else {
            return Err(NameError::Empty);
        };
        if first == '_' {
            return Err(NameError::Underscore);
        }
        if !(self.start)(first) {
            return Err(NameError::Start { character: first });
        }
        if let Some((at, character)) = text.char_indices().find(|(_, c)| !(self.rest)(*c)) {
            return Err(NameError::Character { character, at });
        }
        if self.reserved == Some(text) {
            return Err(NameError::Reserved);
        }
        Ok(())
    }
}

fn word_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

const WORKER: Rule =
    Rule { start: |c| c.is_ascii_alphabetic(), rest: word_character, reserved: Some(ANY_NODE) };
const COMMAND: Rule =
    Rule { start: |c| c.is_ascii_alphabetic(), rest: word_character, reserved: None };
const VARIANT: Rule = Rule {
    start: |c| c.is_ascii_alphanumeric(),
    rest: |c| word_character(c) || c == '.',
    reserved: None,
};

macro_rules! name {
    ($(#[$docs:meta])* $name:ident, $rule:expr) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and keeps it.
            ///
            /// # Errors
            /// [`NameError`] says what the rule of this kind of name forbids.
            pub fn new(text: &str) -> Result<Self, NameError> {
                $rule.check(text)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;
            fn try_from(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        // Sound because Eq, Ord and Hash of the name are those of its text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a ", stringify!($name)))
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

name! {
    /// A *kind* of process, as the schema names it: `[A-Za-z][A-Za-z0-9_-]{0,63}`, not `anyNode`.
    ///
    /// ```
    /// use meshwork_schema::WorkerName;
    /// assert_eq!(WorkerName::new("thumbnailer").unwrap(), "thumbnailer");
    /// assert!(WorkerName::new("_mesh").is_err());
    /// ```
    WorkerName, WORKER
}

name! {
    /// What a worker can be asked to do: `[A-Za-z][A-Za-z0-9_-]{0,63}`.
    CommandName, COMMAND
}

name! {
    /// One running instance of a worker: `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`. Names of pods fit.
    Variant, VARIANT
}

#[cfg(test)]
mod tests;
