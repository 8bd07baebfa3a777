//! The reports of one member: the last one, and the rates between it and one before.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_schema::{CommandName, WorkerName};
use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::{CallFigures, QueueFigures, Report};

use super::picture::Rates;
use super::rights::{Cut, Rights};
use super::{APART, FRESH, ProcessFigures};

/// The time between two reports that a rate is made of, at least: reports that come early because
/// something happened are too close to each other.
const RATE_OVER_MS: u64 = 900;

/// What one member reports.
#[derive(Debug)]
pub(super) struct MemberFigures {
    incarnation: Incarnation,
    at: Duration,
    process: ProcessFigures,
    served: BTreeMap<CommandName, Counted>,
    asked: BTreeMap<(WorkerName, CommandName), Counted>,
    queues: Vec<QueueFigures>,
    /// Whether commands are missing among those.
    cut: Cut,
}

/// Counts of one command, and the rate that they give.
#[derive(Clone, Debug, Default)]
struct Counted {
    latest: CallFigures,
    /// An earlier report: the member's uptime then, and the counts.
    base: (u64, CallFigures),
    rates: Rates,
}

impl MemberFigures {
    /// What is known after a report.
    pub(super) fn after(
        before: Option<Self>,
        incarnation: Incarnation,
        (report, cut): (Report, Cut),
        now: Duration,
    ) -> Self {
        let before = before.filter(|before| before.continues(incarnation, &report));
        let Report { version, uptime_ms, running, schema, served, asked, queues, .. } = report;
        // A command that the report before did not have had no calls then, unless it was cut.
        let none_at = before.as_ref().map_or(uptime_ms, |before| before.process.uptime_ms);
        let unknown_before = before.as_ref().map_or(Cut { served: true, asked: true }, |b| b.cut);
        let (mut served_before, mut asked_before, queues_before) =
            before.map(|known| (known.served, known.asked, known.queues)).unwrap_or_default();
        let counted = |before: Option<Counted>, calls: CallFigures, is_unknown: bool| {
            let base = match is_unknown {
                true => (uptime_ms, calls.clone()),
                false => (none_at, CallFigures::default()),
            };
            let new = || Counted { base, ..Counted::default() };
            before.unwrap_or_else(new).then(calls, uptime_ms)
        };
        let served = served.into_iter().map(|row| {
            let before = served_before.remove(&row.command);
            (row.command, counted(before, row.calls, unknown_before.served))
        });
        let asked = asked.into_iter().map(|row| {
            let command = (row.worker, row.command);
            let before = asked_before.remove(&command);
            (command, counted(before, row.calls, unknown_before.asked))
        });
        Self {
            incarnation,
            at: now,
            process: ProcessFigures { version, uptime_ms, running, schema },
            served: served.collect(),
            asked: asked.collect(),
            // It does not look every time.
            queues: if queues.is_empty() { queues_before } else { queues },
            cut,
        }
    }

    /// Forgets what the member may not say any more.
    pub(super) fn keep_to(&mut self, rights: &Rights<'_>) {
        let rows = (self.served.len(), self.asked.len());
        self.served.retain(|command, _| rights.serves(command));
        self.asked.retain(|(worker, command), _| rights.asks(worker, command));
        self.queues.retain(|queue| rights.has_queue(&queue.queue));
        self.cut.served |= self.served.len() < rows.0;
        self.cut.asked |= self.asked.len() < rows.1;
    }

    /// Whether a report comes too soon after the last one of the same process.
    pub(super) fn is_hurried(&self, incarnation: Incarnation, now: Duration) -> bool {
        self.incarnation == incarnation && now < self.at + APART
    }

    /// Whether the counts of that report go on where these are.
    pub(super) fn continues(&self, incarnation: Incarnation, report: &Report) -> bool {
        // A member that was renumbered is the same process, but rare.
        self.incarnation == incarnation && self.process.uptime_ms <= report.uptime_ms
    }

    pub(super) fn at(&self) -> Duration {
        self.at
    }

    pub(super) fn is_fresh(&self, now: Duration) -> bool {
        now < self.at + FRESH
    }

    pub(super) fn process(&self) -> &ProcessFigures {
        &self.process
    }

    pub(super) fn queues(&self) -> &[QueueFigures] {
        &self.queues
    }

    /// The counts by bucket of the last report: none for a command that had no calls then, `None`
    /// for one of which nothing is known.
    pub(super) fn latency_of(&self, command: &CommandName) -> Option<&[u64]> {
        match self.served.get(command) {
            Some(counted) => Some(&counted.latest.latency),
            None if self.cut.served => None,
            None => Some(&[]),
        }
    }

    /// What it serves: rates, and the calls that run.
    pub(super) fn served(&self) -> impl Iterator<Item = (&CommandName, Rates, u64)> {
        self.served.iter().map(|(name, counted)| (name, counted.rates, counted.latest.running))
    }

    /// What it asks others for.
    pub(super) fn asked(&self) -> impl Iterator<Item = (&(WorkerName, CommandName), Rates)> {
        self.asked.iter().map(|(name, counted)| (name, counted.rates))
    }
}

impl Counted {
    fn then(self, latest: CallFigures, uptime_ms: u64) -> Self {
        let (since_ms, base) = &self.base;
        let over_ms = uptime_ms.saturating_sub(*since_ms);
        if over_ms < RATE_OVER_MS {
            return Self { latest, ..self };
        }
        let rates = Rates::between(base, &latest, over_ms);
        Self { base: (uptime_ms, latest.clone()), latest, rates }
    }
}
