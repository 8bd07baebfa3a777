//! What another schema changes, and which of the changes break what runs.
//!
//! * `running`: who runs, as far as compatibility goes
//! * `differences`: what changes, whoever runs
//! * `breaks`: what of it breaks what runs
//! * `text`: the list for people

mod breaks;
mod differences;
mod running;
#[cfg(test)]
mod tests;
mod text;

use serde::{Deserialize, Serialize};

use crate::limits::CHANGES_MAX;
use crate::schema::Schema;

pub use running::Running;

/// What sort of change it is. Stable, for programs that read the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// There is another worker.
    WorkerAdded,
    /// A worker is gone.
    WorkerRemoved,
    /// `_allow` or `_connect` of a worker says something else.
    AccessChanged,
    /// Two workers may not link any more.
    LinkRemoved,
    /// There is another command.
    CommandAdded,
    /// A command is gone.
    CommandRemoved,
    /// Balanced has become broadcast, or the other way round.
    DeliveryChanged,
    /// `queued` says something else.
    QueuedChanged,
    /// `responds` says something else.
    RespondsChanged,
    /// A command's `allow` says something else.
    CallersChanged,
    /// Another option of a command says something else.
    OptionChanged,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What sort of change it is.
    pub kind: ChangeKind,
    /// What it is about: `worker`, `worker.command`, or `worker - worker` for a link.
    pub what: String,
    /// What was said and what is said, where that is not in the kind: `timeout 5s -> 10s`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What runs and is broken by it; none if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaks: Option<String>,
}

/// All changes from one schema to another, by what they are about.
///
/// `Display` prints a list for people, `Serialize` is for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The first [`CHANGES_MAX`] of them, those that break something first.
    pub changes: Vec<Change>,
    /// How many more there are.
    #[serde(default)]
    pub more: usize,
    /// How many of all break what runs.
    pub breaking: usize,
}

impl Changes {
    /// Whether any of them breaks what runs.
    pub fn is_breaking(&self) -> bool {
        self.breaking > 0
    }

    /// Those that break what runs, each with what it breaks.
    pub fn breaks(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.breaks.is_some())
    }
}

/// What `new` changes of `old`, and what of it breaks what runs.
///
/// ```
/// use meshwork_schema::{Running, Schema, compare};
///
/// let old = Schema::from_toml("[gateway]\n[printer._commands._balanced]\nprint = {}\n")?;
/// let new = Schema::from_toml("[gateway]\n")?;
/// assert!(!compare(&old, &new, &Running::default()).is_breaking());
///
/// let mut running = Running::default();
/// running.add("printer".parse()?, ["print".parse()?]);
/// let changes = compare(&old, &new, &running);
/// assert_eq!(changes.changes[0].breaks.as_deref(), Some("1 instance runs"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compare(old: &Schema, new: &Schema, running: &Running) -> Changes {
    let mut changes = differences::differences(old, new);
    breaks::mark(&mut changes, old, new, running);
    let breaking = changes.iter().filter(|change| change.breaks.is_some()).count();
    // Stable: otherwise they stay in their order.
    changes.sort_by_key(|change| change.breaks.is_none());
    let more = changes.len().saturating_sub(CHANGES_MAX);
    changes.truncate(CHANGES_MAX);
    Changes { changes, more, breaking }
}
