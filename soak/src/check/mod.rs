//! Whether the promises of durable jobs were kept, from what was written down alone. Pure.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_shared::ids::JobId;
use serde::Serialize;

use crate::arguments::Fsync;
use crate::record::{Answer, Receipt, Run};

#[cfg(test)]
mod tests;

/// How long before its death a server that syncs each second may have acknowledged what it did not
/// write yet, milliseconds: it puts its writes off while a sync is slow, and no longer than this.
const WINDOW_MS: u64 = 2000;

/// Examples that a broken promise is told with.
const EXAMPLES: usize = 5;

/// Everything that is known of a run.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Jobs that were to be enqueued, numbered from 0.
    pub(crate) jobs: u32,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) runs: Vec<Run>,
    /// Lines that were no records.
    pub(crate) malformed: usize,
    /// When Redis was killed, unix milliseconds.
    pub(crate) redis_kills_ms: Vec<u64>,
    /// What is in the queue in the end; `None` if it could not be asked.
    pub(crate) left: Option<Left>,
}

/// What is in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Left {
    pub(crate) depth: usize,
    pub(crate) scheduled: usize,
    pub(crate) leased: usize,
    /// Dead letters, those that were pushed out included.
    pub(crate) dead: u64,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    /// Jobs that were acknowledged.
    pub(crate) acknowledged: usize,
    /// Jobs that ran.
    pub(crate) ran: usize,
    /// Jobs that ran more than once.
    pub(crate) ran_twice: usize,
    /// Runs over and above one for each job.
    pub(crate) runs_again: usize,
    /// Enqueues that were said not to be done.
    pub(crate) not_executed: usize,
    /// Enqueues of which nothing was known.
    pub(crate) unknown: usize,
    /// Jobs that the server lost within the window that its settings allow.
    pub(crate) lost_in_window: usize,
    pub(crate) left: Option<Left>,
    /// The broken promises, a sentence each; none is good.
    pub(crate) violations: Vec<String>,
}

impl Evidence {
    /// Judges a run on a server with this setting.
    pub(crate) fn judge(&self, fsync: Fsync) -> Verdict {
        let answered = |answer| self.receipts.iter().filter(move |r| r.answer == answer);
        let acknowledged: BTreeMap<u32, &Receipt> =
            answered(Answer::Stored).map(|receipt| (receipt.number, receipt)).collect();
        let mut by_number: BTreeMap<u32, Vec<JobId>> = BTreeMap::new();
        for run in &self.runs {
            by_number.entry(run.number).or_default().push(run.job);
        }
        let lost: Vec<&Receipt> = {
            let ran: BTreeSet<JobId> = self.runs.iter().map(|run| run.job).collect();
            let stored = answered(Answer::Stored);
            stored.filter(|receipt| receipt.job.is_none_or(|job| !ran.contains(&job))).collect()
        };
        let (allowed, lost): (Vec<&Receipt>, Vec<&Receipt>) =
            lost.into_iter().partition(|receipt| self.may_be_lost(receipt, fsync));
        let mut verdict = Verdict {
            acknowledged: acknowledged.len(),
            ran: by_number.len(),
            ran_twice: by_number.values().filter(|ids| ids.len() > 1).count(),
            runs_again: self.runs.len() - by_number.len(),
            not_executed: answered(Answer::NotExecuted).count(),
            unknown: answered(Answer::Unknown).count(),
            lost_in_window: allowed.len(),
            left: self.left,
            violations: Vec::new(),
        };
        let missing = (0..self.jobs).filter(|number| !acknowledged.contains_key(number));
        verdict.note("never acknowledged", missing);
        verdict.note("acknowledged, but never ran", lost.iter().map(|lost| lost.number));
        verdict.note("ran, though said not to be stored", self.lies());
        let under_two_ids = by_number.iter().filter(|(_, ids)| ids.iter().any(|id| *id != ids[0]));
        verdict.note("ran under two ids", under_two_ids.map(|(number, _)| *number));
        let strange = by_number.keys().filter(|number| **number >= self.jobs);
        verdict.note("ran, but nobody enqueued it", strange.copied());
        if self.malformed > 0 {
            verdict.violations.push(format!("{} lines are no records", self.malformed));
        }
        verdict.note_left();
        verdict
    }

    /// Whether this setting lets the server forget what it said.
    fn may_be_lost(&self, receipt: &Receipt, fsync: Fsync) -> bool {
        let in_window =
            |kill: &u64| (kill.saturating_sub(WINDOW_MS)..=*kill).contains(&receipt.unix_ms);
        fsync == Fsync::Everysec && self.redis_kills_ms.iter().any(in_window)
    }

    /// The jobs that ran under an id that was said not to be stored.
    fn lies(&self) -> impl Iterator<Item = u32> {
        let refused = self.receipts.iter().filter(|r| r.answer == Answer::NotExecuted);
        let refused: BTreeSet<JobId> = refused.filter_map(|receipt| receipt.job).collect();
        let ran = self.runs.iter().filter(move |run| refused.contains(&run.job));
        ran.map(|run| run.number).collect::<BTreeSet<_>>().into_iter()
    }
}

impl Verdict {
    fn note(&mut self, what: &str, numbers: impl Iterator<Item = u32>) {
        let numbers: Vec<u32> = numbers.collect();
        if !numbers.is_empty() {
            let examples = &numbers[..numbers.len().min(EXAMPLES)];
            let sentence = format!("{} jobs {what}, such as {examples:?}", numbers.len());
            self.violations.push(sentence);
        }
    }

    fn note_left(&mut self) {
        let Some(left) = self.left else {
            return self.violations.push("the queue could not be asked what is left".to_owned());
        };
        let Left { depth, scheduled, leased, dead } = left;
        if depth + scheduled + leased > 0 {
            self.violations.push(format!(
                "jobs are stuck: {depth} wait, {scheduled} wait for their time, {leased} are leased"
            ));
        }
        if dead > 0 {
            self.violations.push(format!("{dead} jobs are dead letters"));
        }
    }
}
