//! One queue as a plain structure: time comes in with each operation, nothing waits.
//!
//! A job keeps its place (a number counted up at enqueueing) for life. Among the jobs that could
//! run, the one with the lowest place is next; a retried job is thus not behind those that came
//! after it, and holds up nobody while it waits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use tokio::time::Instant;

use super::dead::DeadLetters;
use super::entry::{Entry, State, job_bytes};
use crate::backoff;
use crate::error::{EnqueueError, FinishError};
use crate::job::{
    AttemptError, DeadLetter, Finished, JobEnd, Lease, LeaseToken, NewJob, QueueDepth,
};
use crate::options::QueueOptions;

/// The time of an operation, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// What waits and leases go by.
    pub instant: Instant,
    /// What people read in a history, unix milliseconds.
    pub unix_ms: u64,
}

/// The number by which jobs are ordered.
type Place = u64;

/// Longest wait that is reckoned with; a longer one would overflow the clock.
const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The pure core of the memory backend.
///
/// Due times and leases are settled at the start of each operation that takes a [`Now`];
/// [`next_wake`](Self::next_wake) says when there is something to settle without one.
#[derive(Debug)]
pub struct MemoryQueue {
    options: QueueOptions,
    random: Random,
    entries: BTreeMap<Place, Entry>,
    places: BTreeMap<JobId, Place>,
    ready: BTreeSet<Place>,
    delayed: BTreeSet<(Instant, Place)>,
    leased: BTreeSet<(Instant, Place)>,
    dead: DeadLetters,
    /// Bytes of `entries`.
    bytes: usize,
    next_place: Place,
}

impl MemoryQueue {
    /// An empty queue. `random` draws job ids and the jitter of waits.
    pub fn new(options: QueueOptions, random: Random) -> Self {
        Self {
            options,
            random,
            entries: BTreeMap::new(),
            places: BTreeMap::new(),
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
            leased: BTreeSet::new(),
            dead: DeadLetters::default(),
            bytes: 0,
            next_place: 0,
        }
    }

    /// Stores a job behind all others.
    ///
    /// # Errors
    /// [`EnqueueError`]: nothing was stored.
    pub fn enqueue(&mut self, job: NewJob, now: Now) -> Result<JobId, EnqueueError> {
        self.advance(now);
        self.make_room(job_bytes(&job))?;
        let id = JobId(self.random.bytes());
        let place = self.next_place;
        self.next_place += 1;
        let entry = Entry::new(id, job, now.unix_ms);
        self.bytes += entry.bytes();
        self.entries.insert(place, entry);
        self.places.insert(id, place);
        self.ready.insert(place);
        Ok(id)
    }

    /// Takes the next job that could run, if there is one, for `run_timeout` from now.
    pub fn lease(&mut self, now: Now) -> Option<Lease> {
        self.advance(now);
        let place = *self.ready.first()?;
        let expires = later(now.instant, self.options.run_timeout);
        self.set_state(place, State::Leased { expires });
        let entry = self.entries.get_mut(&place)?;
        entry.attempt += 1;
        entry.started_unix_ms = now.unix_ms;
        Some(Lease {
            id: entry.id,
            attempt: entry.attempt,
            is_last: entry.attempt >= self.options.attempts,
            enqueued_unix_ms: entry.enqueued_unix_ms,
            run_timeout: self.options.run_timeout,
            job: entry.job.clone(),
        })
    }

    /// Ends the run that `token` names.
    ///
    /// # Errors
    /// [`FinishError::LeaseLost`] when that run is over already; nothing changed.
    pub fn finish(
        &mut self,
        token: LeaseToken,
        end: JobEnd,
        now: Now,
    ) -> Result<Finished, FinishError> {
        self.advance(now);
        let place = *self.places.get(&token.id).ok_or(FinishError::LeaseLost)?;
        let entry = self.entries.get(&place).ok_or(FinishError::LeaseLost)?;
        let is_leased = matches!(entry.state, State::Leased { .. });
        if !is_leased || entry.attempt != token.attempt {
            return Err(FinishError::LeaseLost);
        }
        Ok(match end {
            JobEnd::Done => {
                self.remove(place);
                Finished::Done
            }
            JobEnd::Retry { error } => {
                self.fail_run(place, AttemptError::Failed { message: error }, true, now)
            }
            JobEnd::Fail { error } => {
                self.fail_run(place, AttemptError::Failed { message: error }, false, now)
            }
        })
    }

    /// Makes ready what is due and takes back what ran too long, as of `now`.
    pub fn advance(&mut self, now: Now) {
        while let Some(&(expires, place)) = self.leased.first()
            && expires <= now.instant
        {
            self.fail_run(place, AttemptError::RunTimeout, true, now);
        }
        while let Some(&(due, place)) = self.delayed.first()
            && due <= now.instant
        {
            self.set_state(place, State::Ready);
        }
    }

    /// When the next job becomes ready or its lease ends, if nothing else happens before.
    pub fn next_wake(&self) -> Option<Instant> {
        let first = |set: &BTreeSet<(Instant, Place)>| set.first().map(|(at, _)| *at);
        [first(&self.delayed), first(&self.leased)].into_iter().flatten().min()
    }

    /// How much of what is stored.
    pub fn depth(&self) -> QueueDepth {
        QueueDepth {
            ready: self.ready.len(),
            delayed: self.delayed.len(),
            leased: self.leased.len(),
            dead: self.dead.len(),
            dead_dropped: self.dead.dropped(),
            bytes: self.bytes + self.dead.bytes(),
        }
    }

    /// The dead letters, oldest first.
    pub fn dead_letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.dead.iter()
    }

    /// Refuses a job that does not fit; drops dead letters where that makes it fit.
    fn make_room(&mut self, more: usize) -> Result<(), EnqueueError> {
        let limits = self.options.limits;
        if more > limits.bytes_max {
            return Err(EnqueueError::TooLarge { bytes: more, bytes_max: limits.bytes_max });
        }
        let jobs = self.entries.len();
        let left_for_dead = limits.bytes_max.checked_sub(self.bytes.saturating_add(more));
        match left_for_dead {
            Some(left) if jobs < limits.jobs_max => {
                self.dead.shrink(left);
                Ok(())
            }
            _ => Err(EnqueueError::Full {
                jobs,
                jobs_max: limits.jobs_max,
                bytes: self.bytes + self.dead.bytes(),
                bytes_max: limits.bytes_max,
            }),
        }
    }

    /// Notes the failure of the present run; the job waits for the next one or is dead.
    fn fail_run(
        &mut self,
        place: Place,
        error: AttemptError,
        may_retry: bool,
        now: Now,
    ) -> Finished {
        let Some(entry) = self.entries.get_mut(&place) else { return Finished::Dead };
        let before = entry.bytes();
        entry.note(error, now);
        self.bytes = self.bytes - before + entry.bytes();
        if may_retry && entry.attempt < self.options.attempts {
            let delay = backoff::delay(self.options.backoff, entry.attempt, &self.random);
            self.set_state(place, State::Delayed { due: later(now.instant, delay) });
            return Finished::Retried { delay };
        }
        if let Some(entry) = self.remove(place) {
            self.dead.push(entry.into_dead_letter(now), self.options.limits.dead_letters_max);
        }
        Finished::Dead
    }

    fn set_state(&mut self, place: Place, state: State) {
        let Some(entry) = self.entries.get_mut(&place) else { return };
        let old = std::mem::replace(&mut entry.state, state);
        self.unlist(place, old);
        match state {
            State::Ready => self.ready.insert(place),
            State::Delayed { due } => self.delayed.insert((due, place)),
            State::Leased { expires } => self.leased.insert((expires, place)),
        };
    }

    fn remove(&mut self, place: Place) -> Option<Entry> {
        let entry = self.entries.remove(&place)?;
        self.unlist(place, entry.state);
        self.places.remove(&entry.id);
        self.bytes -= entry.bytes();
        Some(entry)
    }

    fn unlist(&mut self, place: Place, state: State) {
        match state {
            State::Ready => self.ready.remove(&place),
            State::Delayed { due } => self.delayed.remove(&(due, place)),
            State::Leased { expires } => self.leased.remove(&(expires, place)),
        };
    }
}

fn later(now: Instant, wait: Duration) -> Instant {
    now + wait.min(WAIT_MAX)
}
