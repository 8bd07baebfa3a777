//! `_mesh`: defaults for every command of the schema.

use std::time::Duration;

use super::Resolver;
use super::command::Options;
use crate::command::{
    ATTEMPTS_DEFAULT, BACKLOG_DEFAULT, BACKOFF_DEFAULT, BackoffRange, DONE_KEPT_DEFAULT,
    LEASE_DEFAULT, RUN_TIMEOUT_DEFAULT, TIMEOUT_DEFAULT,
};
use crate::document::Entry;

const OPTIONS: [&str; 8] = [
    "timeout",
    "run_timeout",
    "concurrency",
    "backlog",
    "attempts",
    "backoff",
    "lease",
    "done_kept",
];

/// What a command has that says nothing itself.
#[derive(Debug)]
pub(super) struct MeshDefaults {
    pub(super) timeout: Duration,
    pub(super) run_timeout: Duration,
    /// Of commands that are not queued.
    pub(super) concurrency: Option<u32>,
    pub(super) backlog: u32,
    pub(super) attempts: u32,
    pub(super) backoff: BackoffRange,
    pub(super) lease: Duration,
    pub(super) done_kept: Duration,
}

impl Default for MeshDefaults {
    fn default() -> Self {
        Self::from(Options::default())
    }
}

impl From<Options> for MeshDefaults {
    fn from(options: Options) -> Self {
        Self {
            timeout: options.timeout.unwrap_or(TIMEOUT_DEFAULT),
            run_timeout: options.run_timeout.unwrap_or(RUN_TIMEOUT_DEFAULT),
            concurrency: options.concurrency,
            backlog: options.backlog.unwrap_or(BACKLOG_DEFAULT),
            attempts: options.attempts.unwrap_or(ATTEMPTS_DEFAULT),
            backoff: options.backoff.unwrap_or(BACKOFF_DEFAULT),
            lease: options.lease.unwrap_or(LEASE_DEFAULT),
            done_kept: options.done_kept.unwrap_or(DONE_KEPT_DEFAULT),
        }
    }
}

impl Resolver<'_, '_> {
    /// Reads `_mesh`.
    pub(super) fn mesh(&mut self, entry: &Entry<'_>) -> MeshDefaults {
        let mut options = Options::default();
        if let Some(table) = self.table(&entry.node, "`_mesh` is a table of defaults") {
            for entry in &table.entries {
                if !self.shared_option(entry, &mut options) {
                    let other = "the other options are said by each command for itself";
                    self.unknown(entry, "a default of the mesh", &OPTIONS, other);
                }
            }
        }
        MeshDefaults::from(options)
    }
}
