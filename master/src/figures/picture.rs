//! The sums, as they are shown.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use meshwork_schema::{CommandName, WorkerName};
use meshwork_shared::protocol::{CallFigures, MemberKey, QueueFigures};

use super::{Figures, merged};

/// Calls a second, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rates {
    pub(crate) ok: f64,
    pub(crate) failed: f64,
    pub(crate) not_executed: f64,
    /// Those among the ones before for which there was no room.
    pub(crate) overloaded: f64,
    pub(crate) unknown: f64,
}

impl Rates {
    /// The rates between two counts.
    pub(super) fn between(before: &CallFigures, now: &CallFigures, over_ms: u64) -> Self {
        let rate = |before: u64, now: u64| {
            now.saturating_sub(before) as f64 * 1000.0 / over_ms.max(1) as f64
        };
        Self {
            ok: rate(before.ok, now.ok),
            failed: rate(before.failed, now.failed),
            not_executed: rate(before.not_executed, now.not_executed),
            overloaded: rate(before.overloaded, now.overloaded),
            unknown: rate(before.unknown, now.unknown),
        }
    }
}

impl AddAssign for Rates {
    fn add_assign(&mut self, other: Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.not_executed += other.not_executed;
        self.overloaded += other.overloaded;
        self.unknown += other.unknown;
    }
}

/// One command, of all instances that serve it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommandPicture {
    pub(crate) worker: WorkerName,
    pub(crate) command: CommandName,
    /// Instances that report it.
    pub(crate) instances: usize,
    pub(crate) rates: Rates,
    /// Calls that run or wait for a slot.
    pub(crate) running: u64,
    /// Half of the calls lately were over within so many microseconds.
    pub(crate) p50_us: Option<u64>,
    /// 99 of 100.
    pub(crate) p99_us: Option<u64>,
}

/// What the instances of one worker ask those of another for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrafficPicture {
    pub(crate) from: WorkerName,
    pub(crate) to: WorkerName,
    pub(crate) command: CommandName,
    pub(crate) rates: Rates,
}

/// A queue, and whether it lives in the processes of its worker.
pub(crate) type QueuePicture = QueueFigures;

impl Figures {
    /// Rates and latency of every command that was reported, by worker and command.
    pub(crate) fn commands(&self, now: Duration) -> Vec<CommandPicture> {
        let mut sums: BTreeMap<(&WorkerName, &CommandName), (usize, Rates, u64)> = BTreeMap::new();
        for (key, member) in self.fresh(now) {
            for (command, rates, running) in member.served() {
                let sum = sums.entry((&key.worker, command)).or_default();
                sum.0 += 1;
                sum.1 += rates;
                sum.2 = sum.2.saturating_add(running);
            }
        }
        let picture = |((worker, command), (instances, rates, running))| {
            let (worker, command): (&WorkerName, &CommandName) = (worker, command);
            let recent = self.latencies.find(worker, command);
            let quantile = |part| recent.and_then(|recent| recent.quantile_us(part, now));
            CommandPicture {
                worker: worker.clone(),
                command: command.clone(),
                instances,
                rates,
                running,
                p50_us: quantile(0.5),
                p99_us: quantile(0.99),
            }
        };
        sums.into_iter().map(picture).collect()
    }

    /// What workers ask each other for, as the askers say.
    pub(crate) fn traffic(&self, now: Duration) -> Vec<TrafficPicture> {
        let mut sums: BTreeMap<(&WorkerName, &WorkerName, &CommandName), Rates> = BTreeMap::new();
        for (key, member) in self.fresh(now) {
            for ((worker, command), rates) in member.asked() {
                *sums.entry((&key.worker, worker, command)).or_default() += rates;
            }
        }
        let sums = sums.into_iter();
        sums.map(|((from, to, command), rates)| TrafficPicture {
            from: from.clone(),
            to: to.clone(),
            command: command.clone(),
            rates,
        })
        .collect()
    }

    /// The queues, as those who take jobs from them say.
    pub(crate) fn queues(&self, now: Duration) -> Vec<QueuePicture> {
        let mut queues: BTreeMap<&str, QueueFigures> = BTreeMap::new();
        for (_, member) in self.fresh(now) {
            for said in member.queues() {
                let known = queues.remove(said.queue.as_str());
                queues.insert(&said.queue, merged(known, said));
            }
        }
        queues.into_values().collect()
    }

    /// All links, each once.
    pub(crate) fn links(&self) -> impl Iterator<Item = &(MemberKey, MemberKey)> {
        self.links.pairs()
    }

    fn fresh(
        &self,
        now: Duration,
    ) -> impl Iterator<Item = (&MemberKey, &super::member::MemberFigures)> {
        self.members.iter().filter(move |(_, member)| member.is_fresh(now))
    }
}
