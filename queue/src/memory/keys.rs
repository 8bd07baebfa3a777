//! The dedupe keys whose window is open.

use std::collections::{BTreeSet, HashMap};

use meshwork_shared::ids::JobId;
use tokio::time::Instant;

use super::queue::later;
use crate::job::Dedupe;
use crate::limits::DEDUPE_OVERHEAD_BYTES;
use crate::size::key_bytes;

/// Keys and the first job of each.
#[derive(Debug, Default)]
pub(super) struct DedupeKeys {
    jobs: HashMap<String, JobId>,
    ends: BTreeSet<(Instant, String)>,
    bytes: usize,
}

impl DedupeKeys {
    /// Opens the window of a key; it is not open.
    pub(super) fn insert(&mut self, dedupe: &Dedupe, id: JobId, now: Instant) {
        if dedupe.window.is_zero() {
            return;
        }
        self.bytes += key_bytes(dedupe);
        self.jobs.insert(dedupe.key.clone(), id);
        self.ends.insert((later(now, dedupe.window), dedupe.key.clone()));
    }

    /// Closes the windows that are over.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.ends.first().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, key)) = self.ends.pop_first() {
                self.jobs.remove(&key);
                self.bytes -= 2 * key.len() + DEDUPE_OVERHEAD_BYTES;
            }
        }
    }

    /// The job that opened the window of a key.
    pub(super) fn job(&self, key: &str) -> Option<JobId> {
        self.jobs.get(key).copied()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
