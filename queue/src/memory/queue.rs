//! One queue as a plain structure: time comes in with each operation, nothing waits.
//!
//! A job keeps its place (a number counted up at enqueueing) for life. Among the jobs of one
//! priority that could run, the one with the lowest place is next; a retried job is thus not behind
//! those that came after it, and holds up nobody while it waits.

use std::sync::Arc;
use std::time::Duration;

use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use tokio::time::Instant;

use super::dead::DeadLetters;
use super::ended::{End, Ended};
use super::entry::State;
use super::hash::IdHash;
use super::keys::DedupeKeys;
use super::live::Live;
use crate::backoff;
use crate::error::FinishError;
use crate::job::{AttemptError, Finished, JobEnd, Lease, LeaseToken};
use crate::limits::{ENDED_BYTES_SHARE, LEASE_JOBS_MAX};
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
pub(super) type Place = u64;

/// Longest wait that is reckoned with; a longer one would overflow the clock.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The pure core of the memory backend.
///
/// Due times and leases are settled at the start of each operation that takes a [`Now`];
/// [`next_wake`](Self::next_wake) says when there is something to settle without one. What can be
/// asked about it is in `look.rs`, how jobs come in `store.rs`, what people repair in `repair.rs`.
#[derive(Debug)]
pub struct MemoryQueue {
    pub(super) options: QueueOptions,
    random: Random,
    pub(super) live: Live,
    pub(super) dead: DeadLetters,
    pub(super) ended: Ended,
    pub(super) keys: DedupeKeys,
    next_place: Place,
    pub(super) last_due: Option<u64>,
    pub(super) is_paused: bool,
    pub(super) counted: Counted,
    /// Jobs that nothing more happens to, since somebody asked last.
    over: Vec<JobId>,
}

/// What is only counted.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) retried: u64,
    pub(super) done: u64,
}

impl MemoryQueue {
    /// An empty queue. `random` draws the jitter of waits.
    pub fn new(options: QueueOptions, random: Random) -> Self {
        let hash = IdHash::new(&random);
        Self {
            options,
            random,
            live: Live::new(hash.clone()),
            dead: DeadLetters::default(),
            ended: Ended::new(hash),
            keys: DedupeKeys::default(),
            next_place: 0,
            last_due: None,
            is_paused: false,
            counted: Counted::default(),
            over: Vec::new(),
        }
    }

    /// Treats jobs by other options from now on.
    pub fn set_options(&mut self, options: QueueOptions) {
        self.options = options;
    }

    /// Takes at most `max` of the jobs that could run, at least one if there is one.
    pub fn lease(&mut self, consumer: &str, max: usize, now: Now) -> Vec<Lease> {
        self.advance(now);
        let mut leases = Vec::new();
        let consumer: Arc<str> = consumer.into();
        let expires = later(now.instant, self.options.lease);
        while leases.len() < max.clamp(1, LEASE_JOBS_MAX)
            && !self.is_paused
            && let Some(place) = self.live.first_ready()
            && let Some(entry) = self.live.set_state(place, State::Running { expires }, now.unix_ms)
        {
            leases.push(entry.begin(consumer.clone(), &self.options));
        }
        leases
    }

    /// Holds a lease for another [`QueueOptions::lease`].
    ///
    /// # Errors
    /// [`FinishError::LeaseLost`] when that run is over already; nothing changed.
    pub fn renew(&mut self, token: LeaseToken, now: Now) -> Result<(), FinishError> {
        let place = self.held(token, now)?;
        self.live.extend(place, later(now.instant, self.options.lease));
        Ok(())
    }

    /// Hands back a job that was not begun; it does not count as an attempt.
    ///
    /// # Errors
    /// [`FinishError::LeaseLost`] when that run is over already; nothing changed.
    pub fn release(&mut self, token: LeaseToken, now: Now) -> Result<(), FinishError> {
        let place = self.held(token, now)?;
        if let Some(entry) = self.live.set_state(place, State::Ready, now.unix_ms) {
            entry.uncounted = entry.uncounted.saturating_add(1);
        }
        Ok(())
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
        let place = self.held(token, now)?;
        Ok(match end {
            JobEnd::Done { reply } => {
                self.live.remove(place);
                self.counted.done += 1;
                let reply = reply.map(Box::new);
                self.remember(token.id, End::Done { reply }, now);
                Finished::Done
            }
            JobEnd::Retry { error, after } => {
                self.fail_run(place, AttemptError::Failed { message: error }, after, now)
            }
            JobEnd::Fail { error } => {
                self.live.note(place, AttemptError::Failed { message: error }, now);
                self.give_up(place, now)
            }
        })
    }

    /// Makes ready what is due, takes back what nobody renewed and forgets what is old enough.
    pub fn advance(&mut self, now: Now) {
        while let Some((expires, place)) = self.live.first_expiry()
            && expires <= now.instant
        {
            self.fail_run(place, AttemptError::LeaseExpired, None, now);
        }
        while let Some((due, place)) = self.live.first_due()
            && due <= now.instant
        {
            let since = self.live.at(place).map_or(now.unix_ms, |entry| entry.since_unix_ms);
            self.live.set_state(place, State::Ready, since);
        }
        self.keys.expire(now.instant);
        self.ended.expire(self.options.done_kept, now.instant);
    }

    /// When the next job becomes ready or its lease ends, if nothing else happens before.
    pub fn next_wake(&self) -> Option<Instant> {
        let due = self.live.first_due().map(|(due, _)| due);
        [due, self.next_expiry()].into_iter().flatten().min()
    }

    /// Whether a lease would take something.
    pub fn has_ready(&self) -> bool {
        !self.is_paused && self.live.ready_len() > 0
    }

    /// When the next lease ends unless it is renewed.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.live.first_expiry().map(|(expires, _)| expires)
    }

    /// The jobs that were done, canceled, given up or deleted since this was asked last.
    pub fn drain_over(&mut self) -> impl Iterator<Item = JobId> {
        self.over.drain(..)
    }

    /// The place of the job, if its present run is the one that the token names.
    fn held(&mut self, token: LeaseToken, now: Now) -> Result<Place, FinishError> {
        self.advance(now);
        let entry = self.live.entry(token.id).ok_or(FinishError::LeaseLost)?;
        let is_running = matches!(entry.state, State::Running { .. });
        if !is_running || entry.attempt != token.attempt {
            return Err(FinishError::LeaseLost);
        }
        Ok(entry.place)
    }

    /// Notes the failure of the present run; the job waits for the next one or is dead.
    fn fail_run(
        &mut self,
        place: Place,
        error: AttemptError,
        after: Option<Duration>,
        now: Now,
    ) -> Finished {
        self.live.note(place, error, now);
        let Some(entry) = self.live.at(place) else { return Finished::Dead };
        if entry.is_last(&self.options) {
            return self.give_up(place, now);
        }
        let backoff = || backoff::delay(self.options.backoff, entry.counted(), &self.random);
        let delay = after.unwrap_or_else(backoff).min(WAIT_MAX);
        let due = State::Scheduled { due: later(now.instant, delay) };
        self.live.set_state(place, due, later_unix_ms(now.unix_ms, delay));
        self.counted.retried += 1;
        Finished::Retried { delay }
    }

    /// Makes a dead letter of a job.
    pub(super) fn give_up(&mut self, place: Place, now: Now) -> Finished {
        if let Some(entry) = self.live.remove(place) {
            self.over.push(entry.job.id);
            self.dead.push(entry.into_dead(now), self.options.limits.dead_letters_max);
        }
        Finished::Dead
    }

    /// Remembers how a job ended that is no longer live.
    pub(super) fn remember(&mut self, id: JobId, end: End, now: Now) {
        let bytes_max = self.options.limits.bytes_max / ENDED_BYTES_SHARE;
        self.ended.push(id, end, now.instant, bytes_max);
        self.over.push(id);
    }

    /// Nothing is known any more of a job that was live.
    pub(super) fn forget(&mut self, place: Place) {
        if let Some(entry) = self.live.remove(place) {
            self.over.push(entry.job.id);
        }
    }

    pub(super) fn next_place(&mut self) -> Place {
        let place = self.next_place;
        self.next_place += 1;
        place
    }

    /// Bytes of all that is stored.
    pub(super) fn bytes(&self) -> usize {
        self.live.bytes() + self.keys.bytes() + self.dead.bytes() + self.ended.bytes()
    }
}

pub(super) fn later(now: Instant, wait: Duration) -> Instant {
    now + wait.min(WAIT_MAX)
}

pub(super) fn later_unix_ms(unix_ms: u64, wait: Duration) -> u64 {
    unix_ms.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}
