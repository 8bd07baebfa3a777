//! How often what happened: the faults of runs, and how calls and handlers ended.

use std::collections::BTreeMap;
use std::fmt;

use meshwork_worker::{NotExecuted, UnknownCause};

use crate::journal::{CallEnd, Entries, HandlerEnd, Outcome};

/// Faults that must have been injected, over all seeds of a run in CI.
const FAULTS: [&str; 13] = [
    "partition from the master",
    "partition of two workers",
    "one-way partition",
    "repair",
    "packets held",
    "packets released",
    "worker crash",
    "power loss",
    "restart",
    "worker leaves",
    "clock jump",
    "master crash",
    "schema changed",
];

/// Ends of calls that must have been seen.
const OUTCOMES: [&str; 12] = [
    "answered",
    "failed",
    "panicked",
    "unknown: deadline",
    "unknown: link lost",
    "not executed: no instance",
    "not executed: not allowed",
    "not executed: overloaded",
    "not executed: deadline",
    "not executed: draining",
    "not executed: link lost",
    "withdrawn",
];

/// Ends of handlers that must have been seen.
const HANDLERS: [&str; 4] =
    ["ran: answered", "ran: failed", "ran: panicked", "ran: cancelled or lost"];

/// Counts by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub(crate) fn add(&mut self, kind: &'static str) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    /// How often this happened.
    pub fn count(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }

    /// The kinds that never happened.
    pub fn missing(&self) -> Vec<&'static str> {
        let kinds = FAULTS.into_iter().chain(OUTCOMES).chain(HANDLERS);
        kinds.filter(|kind| self.count(kind) == 0).collect()
    }

    /// Counts the ends of calls and handlers.
    pub(crate) fn add_entries(&mut self, entries: &Entries) {
        for call in entries.calls.values() {
            match &call.end {
                CallEnd::Open => {}
                CallEnd::Abandoned => self.add("withdrawn"),
                CallEnd::Over { outcomes, .. } => {
                    outcomes.iter().for_each(|(_, outcome)| self.add(outcome_kind(outcome)));
                }
            }
        }
        for execution in &entries.executions {
            self.add(match execution.end {
                HandlerEnd::Answered => "ran: answered",
                HandlerEnd::Failed => "ran: failed",
                HandlerEnd::Panicked => "ran: panicked",
                HandlerEnd::Dropped | HandlerEnd::Running => "ran: cancelled or lost",
            });
        }
    }
}

fn outcome_kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered(_) => "answered",
        Outcome::Failed(code) if code == "panic" => "panicked",
        Outcome::Failed(_) => "failed",
        Outcome::Unknown(UnknownCause::Deadline) => "unknown: deadline",
        Outcome::Unknown(UnknownCause::LinkLost) => "unknown: link lost",
        Outcome::Unknown(UnknownCause::BadReply { .. }) => "unknown: bad reply",
        Outcome::Unknown(UnknownCause::Queue { .. }) => "unknown: queue",
        Outcome::NotExecuted(reason) => match reason {
            NotExecuted::NoInstance => "not executed: no instance",
            NotExecuted::NotAllowed => "not executed: not allowed",
            NotExecuted::NoSuchCommand => "not executed: no such command",
            NotExecuted::Overloaded { .. } => "not executed: overloaded",
            NotExecuted::Draining => "not executed: draining",
            NotExecuted::Deadline => "not executed: deadline",
            NotExecuted::ArgumentRefused { .. } => "not executed: argument refused",
            NotExecuted::TooLarge { .. } => "not executed: too large",
            NotExecuted::LinkLost => "not executed: link lost",
            NotExecuted::Cancelled => "not executed: cancelled",
            NotExecuted::QueueUnavailable { .. } => "not executed: queue unavailable",
        },
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = |kind: &&str| {
            !FAULTS.contains(kind) && !OUTCOMES.contains(kind) && !HANDLERS.contains(kind)
        };
        let others: Vec<_> = self.0.keys().copied().filter(rest).collect();
        let groups: [(&str, &[&str]); 4] =
            [("faults", &FAULTS), ("calls", &OUTCOMES), ("handlers", &HANDLERS), ("also", &others)];
        for (group, kinds) in groups.into_iter().filter(|(_, kinds)| !kinds.is_empty()) {
            writeln!(f, "{group}")?;
            for kind in kinds {
                writeln!(f, "  {kind:<30} {:>9}", self.count(kind))?;
            }
        }
        Ok(())
    }
}
