//! What the demo counts: outcomes and times as the caller saw them, runs as the instances did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use meshwork_worker::CallError;

/// The commands of the demo, in the order in which they are shown, with what they are.
pub(super) const COMMANDS: [(&str, &str); 4] = [
    ("pricing.quote", "balanced"),
    ("pricing.sales", "broadcast"),
    ("stock.reserve", "balanced"),
    ("stock.restock", "queued"),
];

/// All counts. Clones count into the same.
#[derive(Clone, Default)]
pub(super) struct Tally(Arc<Mutex<BTreeMap<&'static str, Counts>>>);

/// Counts of one command.
struct Counts {
    answered: u64,
    failed: u64,
    not_executed: u64,
    unknown: u64,
    /// Times of answered calls in microseconds, since the start and since the last look.
    all_us: Histogram<u64>,
    recent_us: Histogram<u64>,
    /// Runs by variant.
    runs: BTreeMap<String, Arc<AtomicU64>>,
}

/// Counts the outcomes of one command's calls.
#[derive(Clone)]
pub(super) struct Asked {
    tally: Tally,
    command: &'static str,
}

/// Counts the runs of one command at one instance.
#[derive(Clone)]
pub(super) struct Runs(Arc<AtomicU64>);

/// What was counted for one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) command: &'static str,
    pub(super) kind: &'static str,
    /// Calls that got an answer.
    pub(super) answered: u64,
    /// Calls to which the handler said no.
    pub(super) failed: u64,
    /// Calls that were not executed.
    pub(super) not_executed: u64,
    /// Calls that may have run.
    pub(super) unknown: u64,
    /// Answered calls since the last look.
    pub(super) recent: u64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// Runs by variant.
    pub(super) runs: Vec<(String, u64)>,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Counts>> {
        // Counts that a panic interrupted are still counts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn asked(&self, command: &'static str) -> Asked {
        Asked { tally: self.clone(), command }
    }

    pub(super) fn runs(&self, command: &'static str, variant: &str) -> Runs {
        let mut tally = self.lock();
        let counts = tally.entry(command).or_default();
        Runs(counts.runs.entry(variant.to_owned()).or_default().clone())
    }

    /// What happened since the last look, beside the totals.
    pub(super) fn look(&self) -> Vec<Reading> {
        let mut tally = self.lock();
        let read = |(command, kind)| {
            let counts = tally.entry(command).or_default();
            let reading = counts.read(command, kind, &counts.recent_us);
            counts.recent_us.reset();
            reading
        };
        COMMANDS.map(read).into()
    }

    /// What happened since the start.
    pub(super) fn total(&self) -> Vec<Reading> {
        let mut tally = self.lock();
        let read = |(command, kind)| {
            let counts = tally.entry(command).or_default();
            counts.read(command, kind, &counts.all_us)
        };
        COMMANDS.map(read).into()
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            answered: 0,
            failed: 0,
            not_executed: 0,
            unknown: 0,
            all_us: histogram(),
            recent_us: histogram(),
            runs: BTreeMap::new(),
        }
    }
}

/// Two digits of a time are all that is shown; what takes longer than a minute counts as a minute.
fn histogram() -> Histogram<u64> {
    let histogram = Histogram::new_with_max(60_000_000, 2);
    histogram.unwrap_or_else(|_| unreachable!("a minute in two digits is within its bounds"))
}

impl Counts {
    fn read(
        &self,
        command: &'static str,
        kind: &'static str,
        times_us: &Histogram<u64>,
    ) -> Reading {
        let quantile = |q| Duration::from_micros(times_us.value_at_quantile(q));
        let runs = self.runs.iter();
        let runs = runs.map(|(variant, runs)| (variant.clone(), runs.load(Ordering::Relaxed)));
        Reading {
            command,
            kind,
            answered: self.answered,
            failed: self.failed,
            not_executed: self.not_executed,
            unknown: self.unknown,
            recent: times_us.len(),
            p50: quantile(0.5),
            p99: quantile(0.99),
            runs: runs.collect(),
        }
    }
}

impl Asked {
    /// Counts one outcome.
    pub(super) fn count(&self, took: Duration, outcome: &Result<(), CallError>) {
        let mut tally = self.tally.lock();
        let counts = tally.entry(self.command).or_default();
        match outcome {
            Ok(()) => {
                counts.answered += 1;
                let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                counts.all_us.saturating_record(took_us);
                counts.recent_us.saturating_record(took_us);
            }
            Err(CallError::Failed { .. }) => counts.failed += 1,
            Err(CallError::NotExecuted { .. }) => counts.not_executed += 1,
            Err(CallError::Unknown { .. }) => counts.unknown += 1,
        }
    }
}

impl Runs {
    /// Counts one run.
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_shows_what_is_new_and_the_total_shows_all() {
        let tally = Tally::default();
        tally.runs("pricing.quote", "pricing-1").count();
        let asked = tally.asked("pricing.quote");
        asked.count(Duration::from_micros(100), &Ok(()));
        asked.count(Duration::from_micros(300), &Ok(()));
        let failed =
            CallError::Failed { code: String::new(), message: String::new(), details: None };
        asked.count(Duration::ZERO, &Err(failed));

        let first = tally.look().remove(0);
        assert_eq!((first.answered, first.failed, first.recent), (2, 1, 2));
        assert_eq!(first.runs, [("pricing-1".to_owned(), 1)]);
        let second = tally.look().remove(0);
        assert_eq!((second.answered, second.recent), (2, 0));
        let total = tally.total().remove(0);
        assert_eq!(total.recent, 2);
        assert_eq!(total.p50, Duration::from_micros(100));
        // As near as two digits are.
        assert!(total.p99.abs_diff(Duration::from_micros(300)) < Duration::from_micros(3));
    }
}
