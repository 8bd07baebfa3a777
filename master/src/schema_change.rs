//! Another schema while workers run: who wants it, what it changes, and why it is not put in force.

use std::fmt;
use std::sync::Arc;

use meshwork_schema::{Changes, Fingerprint, Schema, SchemaErrors};
use thiserror::Error;

use crate::master::Stopped;
use crate::state::StateError;

/// How an operator wants a schema to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apply {
    /// Also if it breaks what runs.
    pub force: bool,
    /// Only say what it would change.
    pub dry_run: bool,
}

/// A schema that was taken, or would be.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaChange {
    /// What came of it.
    pub outcome: Reloaded,
    /// What it changes of the one before.
    pub changes: Changes,
}

/// The schema in force and how the last attempt to change it went.
#[derive(Clone, Debug)]
pub struct SchemaStatus {
    /// The schema.
    pub schema: Arc<Schema>,
    /// Its number.
    pub number: u64,
    /// Hash of its canonical text.
    pub fingerprint: Fingerprint,
    /// Whether it was applied over the one that the master was started with or that its file has.
    pub is_applied: bool,
    /// The last attempt to load one.
    pub last_reload: LastReload,
    /// The schema file says something that is not in force, and why; until it is mended or taken.
    pub refused_file: Option<LastReload>,
}

/// The last attempt to load a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastReload {
    /// When, unix milliseconds.
    pub at_unix_ms: u64,
    /// Who wanted it.
    pub by: SchemaSource,
    /// What came of it, or the report of what is wrong.
    pub outcome: Result<Reloaded, String>,
}

/// Where a schema comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaSource {
    /// The start of the master.
    Start,
    /// The schema file has changed.
    File,
    /// An operator, over HTTP or by the program that the master runs in.
    Operator,
}

impl SchemaSource {
    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Operator => "operator",
        }
    }
}

/// What came of loading a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// It is the one that the master started with.
    Started,
    /// It says what the one in force says, and keeps its number.
    Unchanged,
    /// It is in force, and every worker is told.
    Changed {
        /// Its number.
        number: u64,
    },
    /// It would be put in force; it was only asked about.
    Checked,
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("the one of the start"),
            Self::Unchanged => f.write_str("unchanged"),
            Self::Changed { number } => write!(f, "number {number}"),
            Self::Checked => f.write_str("only asked about"),
        }
    }
}

/// Why a schema was not put in force; the old one stays.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// It has mistakes: all of them, for the person who wrote it.
    #[error(transparent)]
    Broken(#[from] SchemaErrors),
    /// It is longer than what a worker takes. Split the mesh.
    #[error("the schema has {bytes} bytes in canonical form, at most {limit} are allowed")]
    TooLarge {
        /// Bytes of its canonical form.
        bytes: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// It breaks what runs. Change what runs first, or apply it with `force`.
    #[error("{}", breaking(.changes, *.assumed))]
    Breaking {
        /// What it would change, and what of it breaks what.
        changes: Box<Changes>,
        /// The master has just started and does not know yet who runs: everybody was taken to.
        assumed: bool,
    },
    /// It cannot be written to the state folder, and a restart would forget it. Mend the folder.
    #[error("it cannot be kept for the next start: {0}")]
    NotKept(#[from] StateError),
    /// The master has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

fn breaking(changes: &Changes, assumed: bool) -> String {
    let mut text = format!("it breaks what runs ({} changes):", changes.breaking);
    for change in changes.breaks() {
        text.push_str(&format!("\n{change}"));
    }
    if assumed {
        text.push_str(
            "\nthis master has just started and takes every worker to run until it knows better",
        );
    }
    text.push_str("\n`meshwork schema apply FILE --force` puts it in force all the same");
    text
}
