//! What members report, put together: links, rates and latency per command, queues. Pure, and for
//! people only: nothing of the registry depends on it.
//!
//! * `member.rs`: the reports of one member
//! * `latency.rs`: how long calls took lately
//! * `links.rs`: who is linked to whom, as both ends say
//! * `picture.rs`: the sums, as they are shown
//!
//! Bounded by its members: what each report may hold is bounded when it is decoded, and a report
//! of one who is no member is not taken.

mod latency;
mod links;
mod member;
mod picture;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshwork_schema::{CommandName, Schema, WorkerName};
use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::{DeadJob, MemberKey, QueueFigures, Report};

pub(crate) use picture::{CommandPicture, QueuePicture, Rates, TrafficPicture};

use crate::events::EventKind;
use latency::Recent;
use links::Links;
use member::MemberFigures;

/// A report that comes sooner after the one before is not taken: workers wait longer.
const APART: Duration = Duration::from_millis(100);

/// Figures of a report are shown for this long; older ones say nothing about now.
const FRESH: Duration = Duration::from_secs(30);

/// Commands whose latency is kept; that of more is not known.
const COMMANDS_MAX: usize = 4096;

/// Dead letters that several members may find and that are told of once; of the oldest it is
/// forgotten that it was.
const FOUND_MAX: usize = 1024;

/// What members report.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    members: BTreeMap<MemberKey, MemberFigures>,
    links: Links,
    /// How long calls took, by callee and command.
    latency: BTreeMap<(WorkerName, CommandName), Recent>,
    /// Dead letters that members found in their queue and that were told of, the oldest first: by
    /// queue, job and time of death.
    found: VecDeque<(String, String, u64)>,
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
    /// Takes a report of a member; tells what happened according to it.
    pub(crate) fn take(
        &mut self,
        key: &MemberKey,
        incarnation: Incarnation,
        report: Report,
        schema: &Schema,
        now: Duration,
    ) -> Vec<EventKind> {
        if self.members.get(key).is_some_and(|member| member.is_hurried(incarnation, now)) {
            return Vec::new();
        }
        let Report { links, dead, latency_bounds_us, served, .. } = &report;
        let may_link = |peer: &&MemberKey| {
            *peer != key && schema.linked(key.worker.as_str(), peer.worker.as_str())
        };
        let links = links.iter().filter(may_link).cloned().collect();
        let mut events = self.links.replace(key, links);
        for job in dead {
            if self.is_news(job) {
                events.push(dead_letter(key, job));
            }
        }
        let before = self.members.get(key).filter(|member| member.continues(incarnation, &report));
        for command in served {
            let earlier = before.map(|member| member.latency_of(&command.command));
            let name = (key.worker.clone(), command.command.clone());
            let is_known = self.latency.contains_key(&name);
            // Without an earlier report the counts may be of any time.
            let Some(earlier) = earlier else { continue };
            if is_known || self.latency.len() < COMMANDS_MAX {
                let recent = self.latency.entry(name).or_default();
                recent.add(latency_bounds_us, earlier, &command.calls.latency, now);
            }
        }
        let member = MemberFigures::after(self.members.remove(key), incarnation, report, now);
        self.members.insert(key.clone(), member);
        events
    }

    /// Whether that death was not told of yet.
    fn is_news(&mut self, dead: &DeadJob) -> bool {
        let Some(found) = &dead.found else { return true };
        let death = (dead.queue.clone(), dead.job.clone(), found.died_unix_ms);
        if self.found.contains(&death) {
            return false;
        }
        if self.found.len() == FOUND_MAX {
            self.found.pop_front();
        }
        self.found.push_back(death);
        true
    }

    /// A member has no link to the master any more: what it reported is of the past.
    pub(crate) fn forget(&mut self, key: &MemberKey) -> Vec<EventKind> {
        self.members.remove(key);
        self.links.forget(key)
    }

    /// The schema changed: commands that it no longer has are forgotten.
    pub(crate) fn keep_to(&mut self, schema: &Schema) {
        self.latency.retain(|(worker, command), _| {
            schema.worker(worker.as_str()).is_some_and(|w| w.command(command.as_str()).is_some())
        });
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

fn dead_letter(member: &MemberKey, dead: &DeadJob) -> EventKind {
    let DeadJob { queue, job, attempt, error, found } = dead.clone();
    // A member can name no other worker than its own.
    let variant = found.map_or_else(|| member.variant.clone(), |found| found.variant);
    let member = MemberKey { worker: member.worker.clone(), variant };
    EventKind::DeadLetter { queue, job, member, attempt, error }
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
