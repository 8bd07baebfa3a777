//! Who is a member of the mesh, and who is told: the pure core of the master.
//!
//! [`Registry::handle`] takes an [`Event`] and gives [`Effect`]s; it knows no socket, no clock, no
//! actor. An actor beside it (`actor.rs`) owns it, feeds it and carries its effects out.
//!
//! * `event.rs`, `effect.rs`: what goes in, what comes out
//! * `config.rs`: what an operator can set
//! * `admission.rs`: a join, judged and carried out
//! * `rivals.rs`, `contests.rs`: one variant, one holder; joins that wait for a holder's answer
//! * `renumber.rs`: what signed numbers tell of the time before this start
//! * `lifecycle.rs`: ready, draining, leaving, lost, expired, renewed, settled
//! * `schema_swap.rs`, `revocation.rs`: what an operator does to members
//! * `outbox.rs`: views and deltas, to each member what concerns it
//! * `roster.rs`, `history.rs`: who is a member, who was one
//! * `numbers.rs`, `link_epochs.rs`: numbers that never repeat, epochs of the link secret
//!
//! What holds at all times:
//!
//! * A member's view has exactly the members that the schema links it to, in either direction.
//! * A variant has one incarnation at a time; one that was removed for good never comes back.
//! * Only what was said (left, replaced, revoked, no longer allowed) closes links; having been lost
//!   for long is an opinion, and within the rebuild window not even that is told.
//! * Incarnations, serials, schema numbers and epochs only grow, whatever the clock does.

pub(crate) mod actor;
mod admission;
mod config;
mod contests;
mod effect;
mod event;
mod history;
mod lifecycle;
mod link_epochs;
mod numbers;
mod outbox;
mod renumber;
mod revocation;
mod rivals;
mod roster;
mod schema_swap;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::{Fingerprint, Running, Schema};
use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::Member;

pub use config::RegistryConfig;
pub use effect::{Admission, Audit, CloseReason, Effect, RevokeError};
pub use event::{AdmissionKey, Event, JoinRequest, Now, ProbeId, RevokeTarget, SessionId};
pub use link_epochs::LinkEpochs;
pub use numbers::{Durable, Numbers};

use contests::Contests;
use history::History;
use outbox::Outbox;
use revocation::Revoked;
use roster::Roster;

/// How often the registry looks after what has no exact moment: expiry, renewal, link epochs.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Who is a member of the mesh, and who is told.
#[derive(Debug)]
pub struct Registry {
    config: RegistryConfig,
    epoch: u64,
    phase: Phase,
    numbers: Numbers,
    schema: CurrentSchema,
    link_epochs: LinkEpochs,
    roster: Roster,
    contests: Contests,
    history: History,
    revoked: Revoked,
    outbox: Outbox,
    /// Something other than numbers has to be written down.
    persist_due: bool,
}

/// How far the registry is in its life.
#[derive(Debug)]
struct Phase {
    settle_at: Duration,
    /// The rebuild window is over.
    settled: bool,
    /// Nobody is admitted any more.
    shutting_down: bool,
}

/// The schema in force.
#[derive(Debug)]
struct CurrentSchema {
    schema: Arc<Schema>,
    number: u64,
    fingerprint: Fingerprint,
    /// Whether somebody was told this number, or it was written down.
    published: bool,
}

/// One member and what is known of it at the master only; for operators.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberInfo {
    /// What others may know of it.
    pub member: Arc<Member>,
    /// When it was admitted in this incarnation, unix milliseconds.
    pub since_unix_ms: u64,
    /// Serial of its present ticket.
    pub serial: u64,
    /// Unix second at which its present ticket ends.
    pub ticket_ends_unix_s: u64,
    /// Its link.
    pub session: Option<SessionId>,
}

impl Registry {
    /// A registry that knows no member yet, and what to do first. `durable` is what an earlier one
    /// wrote down, if it could.
    pub fn new(
        config: RegistryConfig,
        schema: Arc<Schema>,
        durable: Option<Durable>,
        now: Now,
    ) -> (Self, Vec<Effect>) {
        let durable = durable.unwrap_or_default();
        let mut numbers = Numbers::after(durable.high);
        let fingerprint = schema.fingerprint();
        let kept = durable.schema.filter(|(_, known)| *known == fingerprint);
        let number = kept.map_or_else(|| numbers.next(now.unix_ms), |(number, _)| number);
        numbers.observe(number);
        let mut registry = Self {
            epoch: numbers.next(now.unix_ms),
            phase: Phase {
                settle_at: now.at + config.rebuild_window(),
                settled: false,
                shutting_down: false,
            },
            numbers,
            schema: CurrentSchema { schema, number, fingerprint, published: kept.is_some() },
            link_epochs: LinkEpochs::at(now.unix_s(), config.link_epoch),
            roster: Roster::default(),
            contests: Contests::default(),
            history: History::new(config.history_max),
            revoked: Revoked::restore(durable.revoked_serials, durable.revoked_nodes),
            outbox: Outbox::default(),
            persist_due: true,
            config,
        };
        let mut effects = Vec::new();
        registry.number_schema(&mut effects);
        registry.persist_if_due(&mut effects);
        (registry, effects)
    }

    /// Takes an event; gives what is to be done about it, in order.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let out = &mut Vec::new();
        match event {
            Event::Join(request) => self.join(request, now, out),
            Event::Ready(session) => self.ready(session, now, out),
            Event::Draining(session) => self.draining(session, now, out),
            Event::Leave(session) => self.leave(session, now, out),
            Event::Renew(session) => self.renew(session, now, out),
            Event::Resync(session) => self.resync(session, out),
            Event::LinkLost(session) => self.link_lost(session, now, out),
            Event::ProbeAnswered(probe) => self.probe_answered(probe, now, out),
            Event::ProbeTimedOut(probe) => self.probe_timed_out(probe, now, out),
            Event::SchemaChanged(schema) => self.swap_schema(schema, now, out),
            Event::Revoke(target) => self.revoke(target, now, out),
            Event::QueueRootsChanged => self.publish_queue_keys(out),
            Event::Shutdown => self.phase.shutting_down = true,
            Event::Tick => self.tick(now, out),
        }
        self.close_due_contests(now, out);
        self.flush_if_due(now, out);
        self.persist_if_due(out);
        std::mem::take(out)
    }

    /// When [`Event::Tick`] is due, on the clock of [`Now::at`]; at most a second away.
    pub fn next_wakeup(&self, now: Now) -> Duration {
        let settle = (!self.phase.settled).then_some(self.phase.settle_at);
        let moments = [settle, self.contests.next_deadline(), self.outbox.due()];
        moments.into_iter().flatten().fold(now.at + HOUSEKEEPING, Duration::min)
    }

    /// Which life of the master this is.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the rebuild window is over.
    pub fn is_settled(&self) -> bool {
        self.phase.settled
    }

    /// The schema in force, its number and its fingerprint.
    pub fn schema(&self) -> (&Arc<Schema>, u64, Fingerprint) {
        (&self.schema.schema, self.schema.number, self.schema.fingerprint)
    }

    /// All members, by worker and variant.
    pub fn members(&self) -> impl Iterator<Item = MemberInfo> {
        self.roster.records().map(|(_, record)| MemberInfo {
            member: Arc::clone(&record.member),
            since_unix_ms: record.since_unix_ms,
            serial: record.claims.serial,
            ticket_ends_unix_s: record.claims.validity.not_after,
            session: record.session,
        })
    }

    /// The member whose link that is.
    pub fn member_on(&self, session: SessionId) -> Option<&Arc<Member>> {
        let key = self.roster.key_of_session(session)?;
        self.roster.record(key).map(|record| &record.member)
    }

    /// The workers that have members, lost ones too, and the commands that those serve.
    pub fn running(&self) -> Running {
        let mut running = Running::default();
        for (key, record) in self.roster.records() {
            running.add(key.worker.clone(), record.member.commands.iter().cloned());
        }
        running
    }

    fn next_incarnation(&mut self, now: Now) -> Incarnation {
        Incarnation(self.numbers.next(now.unix_ms))
    }

    /// Puts what has to be written down in front of all effects.
    fn persist_if_due(&mut self, out: &mut Vec<Effect>) {
        let reservation = self.numbers.take_reservation();
        if reservation.is_none() && !self.persist_due {
            return;
        }
        self.persist_due = false;
        let durable = Durable {
            high: self.numbers.mark(),
            schema: Some((self.schema.number, self.schema.fingerprint)),
            revoked_serials: self.revoked.serials(),
            revoked_nodes: self.revoked.nodes(),
        };
        out.insert(0, Effect::Persist(durable));
    }
}
