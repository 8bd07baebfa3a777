//! What this worker tells the master of itself, for people who look: at the join, then at the pace
//! that the master asks for, and soon after a link came or went or a job died.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use meshwork_queue::QueueDepth;
use meshwork_shared::metrics::BOUNDS_NS;
use meshwork_shared::protocol::limits::{
    REPORT_COMMANDS_MAX, REPORT_LINKS_MAX, REPORT_QUEUES_MAX, TEXT_BYTES_MAX,
};
use meshwork_shared::protocol::{
    self, AskedFigures, MemberKey, Pace, QueueFigures, Report, ServedFigures,
};
use tokio::time::Instant;

use super::Control;
use crate::jobs::figures::JobFigures;
use crate::metrics::{self, CallFigures, Direction};

/// Two reports are never closer to each other, however much happens.
const APART: Duration = Duration::from_millis(250);

/// How often a store that others share is asked how full its queues are: each instance asks.
const STORE_EVERY: Duration = Duration::from_secs(10);

/// When the next report is due.
pub(super) struct Reporting {
    started: Instant,
    pace: Pace,
    /// When the last one was begun in this session; `None`: one is due at once.
    last: Option<Instant>,
    /// Something happened that is not to wait.
    has_news: bool,
    /// One is being put together.
    is_under_way: bool,
    store_asked: Option<Instant>,
}

impl Reporting {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            pace: Pace::default(),
            last: None,
            has_news: false,
            is_under_way: false,
            store_asked: None,
        }
    }

    /// A session has begun: the master knows nothing of us.
    pub(super) fn begin(&mut self) {
        (self.pace, self.last, self.store_asked) = (Pace::default(), None, None);
    }

    /// The master wants reports that often.
    pub(super) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// A link came or went.
    pub(super) fn tell_soon(&mut self) {
        self.has_news = true;
    }

    fn is_due(&self, has_news: bool, now: Instant) -> bool {
        let wait = if has_news { APART } else { self.pace.every() };
        !self.is_under_way && self.last.is_none_or(|last| now >= last + wait)
    }

    /// Whether the queues are looked at this time.
    fn asks_store(&mut self, in_process: bool, now: Instant) -> bool {
        let due = in_process || self.store_asked.is_none_or(|at| now >= at + STORE_EVERY);
        if due {
            self.store_asked = Some(now);
        }
        due
    }
}

impl Control {
    /// Sends a report if it is time.
    pub(super) fn report_if_due(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let jobs = &self.worker.inner().jobs;
        let has_news = self.reporting.has_news || jobs.has_died();
        if self.master.is_none() || !self.reporting.is_due(has_news, now) {
            return;
        }
        (self.reporting.last, self.reporting.has_news) = (Some(now), false);
        self.reporting.is_under_way = true;
        let asks = self.reporting.asks_store(jobs.is_in_process(), now);
        let worker = self.worker.clone();
        let asked = async move {
            let figures = if asks { worker.job_figures().await } else { Vec::new() };
            worker.inner().jobs.find_dead(&worker, &figures).await;
            figures
        };
        ctx.spawn(asked.into_actor(self).map(|figures, control, _| {
            control.reporting.is_under_way = false;
            let report = control.report(&figures);
            control.cast(&report);
        }));
    }

    fn report(&self, queues: &[JobFigures]) -> Report {
        let inner = self.worker.inner();
        let in_process = inner.jobs.is_in_process();
        let queues = queues.iter().take(REPORT_QUEUES_MAX);
        let queue = |figures: &JobFigures| {
            let depth = figures.depth?;
            let queue = figures.queue.to_string();
            (queue.len() <= TEXT_BYTES_MAX).then(|| queue_figures(queue, in_process, &depth))
        };
        let uptime = self.reporting.started.elapsed().as_millis();
        let (served, asked) = self.calls();
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: u64::try_from(uptime).unwrap_or(u64::MAX),
            running: u32::try_from(inner.activity.running()).unwrap_or(u32::MAX),
            schema: inner.schema_number(),
            links: self.linked_peers(),
            latency_bounds_us: BOUNDS_NS.iter().map(|bound| bound / 1000).collect(),
            served,
            asked,
            queues: queues.filter_map(queue).collect(),
            dead: inner.jobs.take_died(),
        }
    }

    /// What was served, and what others were asked for if anything was.
    fn calls(&self) -> (Vec<ServedFigures>, Vec<AskedFigures>) {
        let handlers = self.worker.inner().handlers();
        let (mut served, mut asked) = (Vec::new(), Vec::new());
        for figures in metrics::calls(&self.worker) {
            let Some((worker, name)) = figures.command.split_once('.') else { continue };
            let (Ok(worker), Ok(command)) = (worker.parse(), name.parse()) else { continue };
            let mut calls = call_figures(&figures);
            match figures.direction {
                Direction::In => {
                    let found = handlers.as_ref().and_then(|all| all.find(name));
                    calls.running = found.map_or(0, |served| served.slots.taken() as u64);
                    served.push(ServedFigures { command, calls });
                }
                Direction::Out if calls.total() > 0 => {
                    asked.push(AskedFigures { worker, command, calls });
                }
                Direction::Out => {}
            }
        }
        (most_called(served, |row| &row.calls), most_called(asked, |row| &row.calls))
    }

    fn linked_peers(&self) -> Vec<MemberKey> {
        let open = self.links.values().filter(|entry| entry.link.is_open());
        // Two links of one peer are one for a moment, when both ends have dialled.
        let peers: BTreeSet<&MemberKey> = open.map(|entry| &entry.key).collect();
        peers.into_iter().take(REPORT_LINKS_MAX).cloned().collect()
    }
}

/// As many commands as a report takes: those that were called most, in the order that they had.
fn most_called<R>(rows: Vec<R>, calls: impl Fn(&R) -> &protocol::CallFigures) -> Vec<R> {
    if rows.len() <= REPORT_COMMANDS_MAX {
        return rows;
    }
    let mut rows: Vec<(usize, R)> = rows.into_iter().enumerate().collect();
    rows.sort_by_key(|(_, row)| Reverse(calls(row).total()));
    rows.truncate(REPORT_COMMANDS_MAX);
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn call_figures(figures: &CallFigures) -> protocol::CallFigures {
    protocol::CallFigures {
        ok: figures.ok,
        failed: figures.failed,
        not_executed: figures.not_executed,
        overloaded: figures.overloaded,
        // Nobody waited to learn how those ended.
        unknown: figures.unknown.saturating_add(figures.cancelled),
        running: 0,
        latency: figures.durations.buckets.to_vec(),
    }
}

fn queue_figures(queue: String, in_process: bool, depth: &QueueDepth) -> QueueFigures {
    QueueFigures {
        queue,
        in_process,
        ready: depth.ready as u64,
        scheduled: depth.scheduled as u64,
        running: depth.running as u64,
        dead: depth.dead as u64,
        oldest_ready_ms: depth.oldest_ready_ms,
        is_paused: depth.is_paused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_that_were_called_least_are_left_out() {
        // The first ones by name were never called, every other one of the rest was called most.
        let row = |n: u64| {
            let (ok, failed) = match n {
                0..200 => (0, 0),
                _ if n.is_multiple_of(2) => (0, 1000 + n),
                _ => (n, 0),
            };
            let calls = protocol::CallFigures { ok, failed, ..Default::default() };
            ServedFigures { command: format!("c{n:04}").parse().unwrap(), calls }
        };
        let all: Vec<_> = (0..600).map(row).collect();
        let told = most_called(all.clone(), |row| &row.calls);
        // 200 that failed often, and of the others the 56 that were called most.
        let expected = all
            .iter()
            .zip(0..600_u64)
            .filter(|(_, n)| *n >= 200 && n.is_multiple_of(2) || *n >= 600 - 2 * 56);
        let expected: Vec<_> = expected.map(|(row, _)| row.clone()).collect();
        assert_eq!(told.len(), REPORT_COMMANDS_MAX);
        assert_eq!(told, expected, "in the order that they had");

        let few = all[..REPORT_COMMANDS_MAX].to_vec();
        assert_eq!(most_called(few.clone(), |row| &row.calls), few, "none is too many");
    }
}
