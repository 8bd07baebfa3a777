//! The jobs that are neither over nor dead, in the lists of their states.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use meshwork_shared::ids::JobId;
use tokio::time::Instant;

use super::entry::{Entry, State};
use super::hash::IdHash;
use super::queue::{Now, Place};
use crate::job::{AttemptError, Priority};

/// Live jobs. Each is in exactly one of the lists, that of its state.
#[derive(Debug)]
pub(super) struct Live {
    /// Boxed, so that the tree moves little memory.
    entries: BTreeMap<Place, Box<Entry>>,
    places: HashMap<JobId, Place, IdHash>,
    ready: BTreeSet<(Priority, Place)>,
    scheduled: BTreeSet<(Instant, Place)>,
    running: BTreeSet<(Instant, Place)>,
    bytes: usize,
}

impl Live {
    pub(super) fn new(hash: IdHash) -> Self {
        Self {
            entries: BTreeMap::new(),
            places: HashMap::with_hasher(hash),
            ready: BTreeSet::new(),
            scheduled: BTreeSet::new(),
            running: BTreeSet::new(),
            bytes: 0,
        }
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        let place = entry.place;
        self.bytes += entry.bytes();
        self.places.insert(entry.job.id, place);
        self.list(entry.state, entry.job.priority, place);
        self.entries.insert(place, Box::new(entry));
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Entry> {
        let entry = *self.entries.remove(&place)?;
        self.unlist(entry.state, entry.job.priority, place);
        self.places.remove(&entry.job.id);
        self.bytes -= entry.bytes();
        Some(entry)
    }

    pub(super) fn place(&self, id: JobId) -> Option<Place> {
        self.places.get(&id).copied()
    }

    pub(super) fn entry(&self, id: JobId) -> Option<&Entry> {
        self.at(self.place(id)?)
    }

    pub(super) fn at(&self, place: Place) -> Option<&Entry> {
        self.entries.get(&place).map(Box::as_ref)
    }

    /// Puts a job into another state, as of `since_unix_ms`; answers with it.
    pub(super) fn set_state(
        &mut self,
        place: Place,
        state: State,
        since_unix_ms: u64,
    ) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&place)?;
        let (old, priority) = (std::mem::replace(&mut entry.state, state), entry.job.priority);
        entry.since_unix_ms = since_unix_ms;
        self.unlist(old, priority, place);
        self.list(state, priority, place);
        self.entries.get_mut(&place).map(Box::as_mut)
    }

    /// Holds a running job until `expires`.
    pub(super) fn extend(&mut self, place: Place, expires: Instant) {
        if let Some(since) = self.at(place).map(|entry| entry.since_unix_ms) {
            self.set_state(place, State::Running { expires }, since);
        }
    }

    /// Writes into the history of a job.
    pub(super) fn note(&mut self, place: Place, error: AttemptError, now: Now) {
        let Some(entry) = self.entries.get_mut(&place) else { return };
        let before = entry.bytes();
        entry.note(error, now);
        self.bytes = self.bytes - before + entry.bytes();
    }

    pub(super) fn first_ready(&self) -> Option<Place> {
        self.ready.first().map(|(_, place)| *place)
    }

    pub(super) fn first_due(&self) -> Option<(Instant, Place)> {
        self.scheduled.first().copied()
    }

    pub(super) fn first_expiry(&self) -> Option<(Instant, Place)> {
        self.running.first().copied()
    }

    /// Ready jobs in the order in which they will run.
    pub(super) fn ready(&self) -> impl Iterator<Item = &Entry> {
        self.ready.iter().filter_map(|(_, place)| self.at(*place))
    }

    /// Ready jobs from behind one of them.
    pub(super) fn ready_behind(&self, entry: &Entry) -> impl Iterator<Item = &Entry> {
        let from = (entry.job.priority, entry.place + 1);
        self.ready.range(from..).filter_map(|(_, place)| self.at(*place))
    }

    /// Scheduled jobs, the next due first.
    pub(super) fn scheduled(&self) -> impl Iterator<Item = &Entry> {
        self.scheduled.iter().filter_map(|(_, place)| self.at(*place))
    }

    /// Scheduled jobs from behind one of them.
    pub(super) fn scheduled_behind(&self, entry: &Entry) -> impl Iterator<Item = &Entry> {
        let from = match entry.state {
            State::Scheduled { due } => Some((due, entry.place + 1)),
            State::Ready | State::Running { .. } => None,
        };
        let behind = from.map(|from| self.scheduled.range(from..));
        behind.into_iter().flatten().filter_map(|(_, place)| self.at(*place))
    }

    /// Running jobs in the order of enqueueing: that of their ends changes with each renewal.
    pub(super) fn running(&self) -> impl Iterator<Item = &Entry> {
        let mut places: Vec<Place> = self.running.iter().map(|(_, place)| *place).collect();
        places.sort_unstable();
        places.into_iter().filter_map(|place| self.at(place))
    }

    /// When the ready job that has waited longest became ready, unix milliseconds; of each
    /// priority the first in the order of enqueueing is looked at.
    pub(super) fn oldest_ready_unix_ms(&self) -> Option<u64> {
        [Priority::High, Priority::Normal, Priority::Low]
            .into_iter()
            .filter_map(|priority| self.ready.range((priority, 0)..=(priority, Place::MAX)).next())
            .filter_map(|(_, place)| self.at(*place))
            .map(|entry| entry.since_unix_ms)
            .min()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn ready_len(&self) -> usize {
        self.ready.len()
    }

    pub(super) fn scheduled_len(&self) -> usize {
        self.scheduled.len()
    }

    pub(super) fn running_len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn list(&mut self, state: State, priority: Priority, place: Place) {
        match state {
            State::Ready => self.ready.insert((priority, place)),
            State::Scheduled { due } => self.scheduled.insert((due, place)),
            State::Running { expires } => self.running.insert((expires, place)),
        };
    }

    fn unlist(&mut self, state: State, priority: Priority, place: Place) {
        match state {
            State::Ready => self.ready.remove(&(priority, place)),
            State::Scheduled { due } => self.scheduled.remove(&(due, place)),
            State::Running { expires } => self.running.remove(&(expires, place)),
        };
    }
}
