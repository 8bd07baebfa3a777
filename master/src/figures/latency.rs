//! How long calls took lately: counts by bucket that fade, so that what was long ago weighs little.
//! Takes the same memory however many calls there are, and a bounded one however many commands.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_schema::{CommandName, Schema, WorkerName};
use meshwork_shared::protocol::limits::REPORT_COMMANDS_MAX;

use super::FRESH;

/// Commands whose latency is kept; that of more is not known.
pub(super) const COMMANDS_MAX: usize = 4096;

/// Commands of one worker among those: as many as a report names, so that no worker takes the
/// places of all others.
pub(super) const OF_A_WORKER_MAX: usize = REPORT_COMMANDS_MAX;

/// After this long a call weighs half.
const HALF_LIFE: Duration = Duration::from_secs(20);

/// Below this weight, of calls in all, nothing is said.
const WEIGHT_MIN: f64 = 0.02;

/// How long calls took lately, by callee and command.
#[derive(Debug, Default)]
pub(super) struct Latencies(BTreeMap<WorkerName, BTreeMap<CommandName, Recent>>);

impl Latencies {
    /// The place of a command, a new one if there is room.
    pub(super) fn place(
        &mut self,
        worker: &WorkerName,
        command: &CommandName,
        now: Duration,
    ) -> Option<&mut Recent> {
        if self.find(worker, command).is_none() {
            let all = self.places();
            let own = self.0.entry(worker.clone()).or_default();
            let of_others = all - own.len();
            if own.len() >= OF_A_WORKER_MAX {
                own.retain(|_, recent| now < recent.at + FRESH);
            }
            if own.len() >= OF_A_WORKER_MAX || of_others + own.len() >= COMMANDS_MAX {
                return None;
            }
            own.insert(command.clone(), Recent { at: now, ..Recent::default() });
        }
        self.0.get_mut(worker)?.get_mut(command)
    }

    pub(super) fn find(&self, worker: &WorkerName, command: &CommandName) -> Option<&Recent> {
        self.0.get(worker)?.get(command)
    }

    /// Places that are taken.
    pub(super) fn places(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Nobody is left to report of that worker.
    pub(super) fn forget(&mut self, worker: &WorkerName) {
        self.0.remove(worker);
    }

    /// The schema changed: commands that it no longer has are forgotten.
    pub(super) fn keep_to(&mut self, schema: &Schema) {
        self.0.retain(|worker, own| {
            own.retain(|command, _| schema.command(worker.as_str(), command.as_str()).is_some());
            !own.is_empty()
        });
    }
}

/// How long calls took lately, by bucket.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Upper bounds, microseconds, ascending.
    bounds_us: Vec<u64>,
    /// One more than bounds.
    weights: Vec<f64>,
    at: Duration,
}

impl Recent {
    /// Adds the calls between two counts of the same process.
    pub(super) fn add(&mut self, bounds_us: &[u64], before: &[u64], now: &[u64], at: Duration) {
        if now.len() != bounds_us.len() + 1 || !bounds_us.is_sorted() {
            return;
        }
        if self.bounds_us != bounds_us {
            // Another version of the runtime counts otherwise: the newest wins.
            *self = Self { bounds_us: bounds_us.to_vec(), weights: vec![0.0; now.len()], at };
        }
        let faded = self.faded(at);
        self.at = at;
        for (index, weight) in self.weights.iter_mut().enumerate() {
            let earlier = before.get(index).copied().unwrap_or(0);
            *weight = *weight * faded + now[index].saturating_sub(earlier) as f64;
        }
    }

    /// The time within which this part of the calls was over, microseconds; `None` when there were
    /// none lately.
    pub(super) fn quantile_us(&self, part: f64, at: Duration) -> Option<u64> {
        let total: f64 = self.weights.iter().sum();
        if total * self.faded(at) < WEIGHT_MIN {
            return None;
        }
        let wanted = total * part;
        let mut below = 0.0;
        for (index, weight) in self.weights.iter().enumerate() {
            let upto = below + weight;
            if upto >= wanted && *weight > 0.0 {
                return Some(self.between(index, (wanted - below) / weight));
            }
            below = upto;
        }
        self.bounds_us.last().copied()
    }

    /// What lies at this part of a bucket; of the last one only its lower bound is known.
    fn between(&self, bucket: usize, part: f64) -> u64 {
        let lower = bucket.checked_sub(1).map_or(0, |index| self.bounds_us[index]);
        let upper = self.bounds_us.get(bucket).copied().unwrap_or(lower);
        lower + ((upper - lower) as f64 * part.clamp(0.0, 1.0)) as u64
    }

    fn faded(&self, at: Duration) -> f64 {
        let lives = at.saturating_sub(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        0.5_f64.powf(lives)
    }
}
