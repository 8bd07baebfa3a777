//! What members are told about each other: changes gathered for a moment, then cut to measure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::WorkerName;
use meshwork_shared::protocol::{Change, Delta, MemberKey, Removal, View, limits};

use super::roster::Record;
use super::{Effect, Now, Registry, SessionId};

/// Changes that have not gone out yet. Bounded: [`limits::CHANGES_MAX`] of them are due at once.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    changes: Vec<Change>,
    /// Number of the first of `changes`; they are counted from the start of the registry.
    first: u64,
    flushed_at: Option<Duration>,
    due: Option<Duration>,
}

impl Outbox {
    /// Adds a change; the first after a quiet while is due at once.
    fn push(&mut self, change: Change, now: Duration, delay: Duration) {
        self.changes.push(change);
        let earliest = self.flushed_at.map_or(now, |flushed| now.max(flushed + delay));
        self.due.get_or_insert(earliest);
        if self.changes.len() >= limits::CHANGES_MAX {
            self.due = Some(now);
        }
    }

    /// When the changes are to go out.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// The number that the next change will have.
    pub(super) fn next(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    fn take(&mut self, now: Duration) -> (u64, Vec<Change>) {
        let first = self.first;
        self.first = self.next();
        self.flushed_at = Some(now);
        self.due = None;
        (first, std::mem::take(&mut self.changes))
    }
}

impl Registry {
    /// Tells everybody concerned, soon.
    pub(super) fn announce(&mut self, change: Change, now: Now) {
        self.outbox.push(change, now.at, self.config.delta_delay);
    }

    /// Sends what is due.
    pub(super) fn flush_if_due(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.outbox.due().is_some_and(|due| due <= now.at) {
            self.flush(now, out);
        }
    }

    /// Sends all gathered changes, to each member those that concern it.
    pub(super) fn flush(&mut self, now: Now, out: &mut Vec<Effect>) {
        let (first, changes) = self.outbox.take(now.at);
        if changes.is_empty() {
            return;
        }
        let mut concerning: BTreeMap<WorkerName, Vec<(u64, &Change)>> = BTreeMap::new();
        let schema = &self.schema.schema;
        for (key, record) in self.roster.records_mut() {
            let Some(session) = record.session else { continue };
            let all = concerning.entry(key.worker.clone()).or_insert_with(|| {
                let linked = |change: &Change| {
                    schema.linked(key.worker.as_str(), change_key(change).worker.as_str())
                };
                (first..).zip(&changes).filter(|(_, change)| linked(change)).collect()
            });
            let next_change = record.next_change;
            let news = all
                .iter()
                .filter(|(number, change)| *number >= next_change && change_key(change) != key)
                .map(|(_, change)| Change::clone(change));
            send_deltas(self.epoch, session, record, news, out);
            record.next_change = first + changes.len() as u64;
        }
    }

    /// Pages of the present view of a member, under a new number.
    pub(super) fn view_pages(&mut self, key: &MemberKey) -> Vec<View> {
        let schema = &self.schema.schema;
        let of_viewer = |worker: &&str| schema.linked(key.worker.as_str(), worker);
        let workers = schema.workers().iter().map(|worker| worker.name.as_str());
        let workers: BTreeSet<&str> = workers.filter(of_viewer).collect();
        let linked = |other: &MemberKey| other != key && workers.contains(other.worker.as_str());
        let members = self.roster.records().filter(|(other, _)| linked(other));
        let members = members.map(|(_, record)| Arc::clone(&record.member)).collect();
        let removed: Vec<Removal> = self
            .history
            .latest()
            .filter(|removal| linked(&removal.key))
            .take(limits::REMOVALS_MAX)
            .cloned()
            .collect();
        let next_change = self.outbox.next();
        let number = self.roster.record_mut(key).map_or(0, |record| {
            record.view_number += 1;
            record.next_change = next_change;
            record.view_number
        });
        let (epoch, settled) = (self.epoch, self.phase.settled);
        View { epoch, number, settled, more: false, members, removed }.into_pages()
    }

    /// Sends the present view of a member.
    pub(super) fn send_view(&mut self, key: &MemberKey, session: SessionId, out: &mut Vec<Effect>) {
        let pages = self.view_pages(key);
        out.extend(pages.into_iter().map(|view| Effect::SendView { session, view }));
    }
}

/// Sends changes in deltas that are each within their bound.
pub(super) fn send_deltas(
    epoch: u64,
    session: SessionId,
    record: &mut Record,
    changes: impl Iterator<Item = Change>,
    out: &mut Vec<Effect>,
) {
    let (mut piece, mut bytes) = (Vec::new(), 0);
    let mut send = |changes: Vec<Change>| {
        let from = record.view_number;
        record.view_number += 1;
        let delta = Delta { epoch, from, to: record.view_number, changes };
        out.push(Effect::SendDelta { session, delta });
    };
    for change in changes {
        let size = match &change {
            Change::Upsert(member) => member.encoded_bytes(),
            Change::Remove(_) => 250,
        };
        let full = piece.len() == limits::CHANGES_MAX || bytes + size > limits::PAGE_BYTES;
        if full && !piece.is_empty() {
            send(std::mem::take(&mut piece));
            bytes = 0;
        }
        bytes += size;
        piece.push(change);
    }
    if !piece.is_empty() {
        send(piece);
    }
}

/// The member that a change is about.
fn change_key(change: &Change) -> &MemberKey {
    match change {
        Change::Upsert(member) => &member.key,
        Change::Remove(removal) => &removal.key,
    }
}
