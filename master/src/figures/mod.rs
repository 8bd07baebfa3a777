//! What members report, put together: links, rates and latency per command, queues. Pure, and for
//! people only: nothing of the registry depends on it.
//!
//! * `rights.rs`: what a member may report
//! * `member.rs`: the reports of one member
//! * `latency.rs`: how long calls took lately
//! * `links.rs`: who is linked to whom, as both ends say
//! * `deaths.rs`: dead letters, each told of once
//! * `picture.rs`: the sums, as they are shown
//!
//! Bounded by its members: what each report may hold is bounded when it is decoded, and a report
//! of one who is no member is not taken.

mod deaths;
mod latency;
mod links;
mod member;
mod picture;
mod rights;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_schema::Schema;
use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::{MemberKey, QueueFigures, Report};

pub(crate) use picture::{CommandPicture, QueuePicture, Rates, TrafficPicture};

use crate::events::EventKind;
use deaths::Deaths;
use latency::Latencies;
use links::Links;
use member::MemberFigures;
use rights::{LeftOut, Rights};

/// Of a report that comes sooner after the one before only the dead letters are taken, which no
/// later one repeats: workers wait longer, but two reports may have waited for the master.
const APART: Duration = Duration::from_millis(100);

/// Figures of a report are shown for this long; older ones say nothing about now.
const FRESH: Duration = Duration::from_secs(30);

/// What members report.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    members: BTreeMap<MemberKey, MemberFigures>,
    links: Links,
    latencies: Latencies,
    deaths: Deaths,
    left_out: LeftOut,
}

/// What a member says of its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessFigures {
    pub(crate) version: String,
    pub(crate) uptime_ms: u64,
    pub(crate) running: u32,
    /// Number of its schema; 0 if it does not say.
    pub(crate) schema: u64,
}

impl Figures {
    /// Takes a report of a member; tells what happened according to it. What the schema does not
    /// let that member say is left out.
    pub(crate) fn take(
        &mut self,
        key: &MemberKey,
        incarnation: Incarnation,
        mut report: Report,
        schema: &Schema,
        now: Duration,
    ) -> Vec<EventKind> {
        let rights = Rights::of(key, schema);
        let dead = std::mem::take(&mut report.dead);
        let (mut events, untold) = self.deaths.take(key, dead, &rights, now);
        if self.members.get(key).is_some_and(|member| member.is_hurried(incarnation, now)) {
            self.left_out.note(key, report.schema, untold, now);
            return events;
        }
        let (untrue, cut) = rights.trim(&mut report);
        self.left_out.note(key, report.schema, untold + untrue, now);
        let links = std::mem::take(&mut report.links);
        events.extend(self.links.replace(key, links.into_iter().collect()));
        self.add_latencies(key, incarnation, &report, now);
        let before = self.members.remove(key);
        let member = MemberFigures::after(before, incarnation, (report, cut), now);
        self.members.insert(key.clone(), member);
        events
    }

    /// Adds how long those calls took that were made since the report before.
    fn add_latencies(
        &mut self,
        key: &MemberKey,
        incarnation: Incarnation,
        report: &Report,
        now: Duration,
    ) {
        let before = self.members.get(key);
        // Without an earlier report the counts may be of any time.
        let Some(before) = before.filter(|member| member.continues(incarnation, report)) else {
            return;
        };
        for row in &report.served {
            let Some(earlier) = before.latency_of(&row.command) else { continue };
            if let Some(recent) = self.latencies.place(&key.worker, &row.command, now) {
                recent.add(&report.latency_bounds_us, earlier, &row.calls.latency, now);
            }
        }
    }

    /// A member has no link to the master any more: what it reported is of the past.
    pub(crate) fn forget(&mut self, key: &MemberKey) -> Vec<EventKind> {
        self.members.remove(key);
        self.deaths.forget(key);
        // Sorted by worker: another member of this one would stand beside it.
        let beside = [self.members.range(..key).next_back(), self.members.range(key..).next()];
        if !beside.into_iter().flatten().any(|(other, _)| other.worker == key.worker) {
            self.latencies.forget(&key.worker);
        }
        self.links.forget(key)
    }

    /// The schema changed: what it no longer lets members say is forgotten.
    pub(crate) fn keep_to(&mut self, schema: &Schema) {
        self.latencies.keep_to(schema);
        for (key, member) in &mut self.members {
            member.keep_to(&Rights::of(key, schema));
        }
    }

    /// Rows of reports that were left out since the start.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out.rows()
    }

    /// What a member says of its process, and how long ago.
    pub(crate) fn process(
        &self,
        key: &MemberKey,
        now: Duration,
    ) -> Option<(&ProcessFigures, Duration)> {
        let member = self.members.get(key)?;
        Some((member.process(), now.saturating_sub(member.at())))
    }
}

/// Of two reports on the same queue, the one that says more.
fn merged(known: Option<QueueFigures>, said: &QueueFigures) -> QueueFigures {
    match known {
        // Each process has a part of its own.
        Some(known) if said.in_process && known.in_process => QueueFigures {
            queue: known.queue,
            in_process: true,
            ready: known.ready.saturating_add(said.ready),
            scheduled: known.scheduled.saturating_add(said.scheduled),
            running: known.running.saturating_add(said.running),
            dead: known.dead.saturating_add(said.dead),
            oldest_ready_ms: known.oldest_ready_ms.max(said.oldest_ready_ms),
            is_paused: known.is_paused || said.is_paused,
        },
        Some(_) | None => said.clone(),
    }
}
