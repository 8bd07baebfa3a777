//! A job in memory, with where it stands.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::queue::{Now, Place};
use crate::job::{Attempt, AttemptError, DeadLetter, Lease, NewJob};
use crate::limits::HISTORY_ATTEMPTS_MAX;
use crate::options::QueueOptions;
use crate::size::{cut, history_bytes, job_bytes};
use crate::status::{JobStatus, JobSummary};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It could run now.
    Ready,
    /// It waits for its time or its next attempt.
    Scheduled { due: Instant },
    /// It runs.
    Running { expires: Instant },
}

/// A job that is neither over nor dead.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) job: NewJob,
    /// Its number in the order of enqueueing.
    pub(super) place: Place,
    pub(super) enqueued_unix_ms: u64,
    /// Number of the present or last run. It only grows, so that no two runs have the same token.
    pub(super) attempt: u32,
    /// Runs among them that do not count: handed back, or before it was made a job again.
    pub(super) uncounted: u32,
    /// Who runs it, or ran it last.
    pub(super) consumer: Option<Arc<str>>,
    /// Since when it is in its state, or, of a scheduled job, when it is due; unix milliseconds.
    pub(super) since_unix_ms: u64,
    pub(super) state: State,
    pub(super) history: VecDeque<Attempt>,
}

impl Entry {
    pub(super) fn new(job: NewJob, place: Place, unix_ms: u64) -> Self {
        Self {
            job,
            place,
            enqueued_unix_ms: unix_ms,
            attempt: 0,
            uncounted: 0,
            consumer: None,
            since_unix_ms: unix_ms,
            state: State::Ready,
            history: VecDeque::new(),
        }
    }

    /// Bytes that it is counted with.
    pub(super) fn bytes(&self) -> usize {
        job_bytes(&self.job) + history_bytes(self.history.iter())
    }

    /// Runs that count, the present one included.
    pub(super) fn counted(&self) -> u32 {
        self.attempt.saturating_sub(self.uncounted)
    }

    /// Whether no run follows the present one if it fails.
    pub(super) fn is_last(&self, options: &QueueOptions) -> bool {
        self.counted() >= self.job.attempts.unwrap_or(options.attempts)
    }

    /// Begins a run.
    pub(super) fn begin(&mut self, consumer: Arc<str>, options: &QueueOptions) -> Lease {
        self.attempt = self.attempt.saturating_add(1);
        self.consumer = Some(consumer);
        Lease {
            id: self.job.id,
            attempt: self.attempt,
            is_last: self.is_last(options),
            enqueued_unix_ms: self.enqueued_unix_ms,
            run_timeout: self.job.run_timeout.unwrap_or(options.run_timeout),
            job: self.job.clone(),
        }
    }

    /// Writes the failure of the present run into the history, or why there was none.
    pub(super) fn note(&mut self, error: AttemptError, now: Now) {
        if self.history.len() == HISTORY_ATTEMPTS_MAX {
            self.history.pop_front();
        }
        let is_running = matches!(self.state, State::Running { .. });
        let consumer = self.consumer.as_deref().filter(|_| is_running).unwrap_or_default();
        self.history.push_back(Attempt {
            attempt: self.attempt,
            consumer: consumer.to_owned(),
            started_unix_ms: if is_running { self.since_unix_ms } else { now.unix_ms },
            ended_unix_ms: now.unix_ms,
            error: cut(error),
        });
    }

    pub(super) fn status(&self) -> JobStatus {
        match self.state {
            State::Ready => JobStatus::Waiting,
            State::Scheduled { .. } => {
                JobStatus::Scheduled { due_unix_ms: self.since_unix_ms, attempts: self.counted() }
            }
            State::Running { .. } => JobStatus::Running {
                consumer: self.consumer.as_deref().unwrap_or_default().to_owned(),
                attempt: self.attempt,
                since_unix_ms: self.since_unix_ms,
            },
        }
    }

    pub(super) fn summary(&self) -> JobSummary {
        let is_running = matches!(self.state, State::Running { .. });
        JobSummary {
            since_unix_ms: self.since_unix_ms,
            consumer: self.consumer.as_deref().filter(|_| is_running).map(str::to_owned),
            attempts: self.counted(),
            last: self.history.back().cloned(),
            ..summary(&self.job, self.enqueued_unix_ms)
        }
    }

    pub(super) fn into_dead(self, now: Now) -> Dead {
        let attempts = self.counted();
        let letter = DeadLetter {
            id: self.job.id,
            job: self.job,
            enqueued_unix_ms: self.enqueued_unix_ms,
            died_unix_ms: now.unix_ms,
            history: self.history.into(),
        };
        Dead { letter, attempt: self.attempt, attempts }
    }
}

/// A dead letter, with the numbers that it goes on with if it is made a job again.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) letter: DeadLetter,
    /// Number of its last run.
    pub(super) attempt: u32,
    /// Runs that counted.
    pub(super) attempts: u32,
}

impl Dead {
    /// Bytes that it is counted with.
    pub(super) fn bytes(&self) -> usize {
        job_bytes(&self.letter.job) + history_bytes(self.letter.history.iter())
    }

    /// A job again, with all its attempts before it.
    pub(super) fn into_entry(self, place: Place, now: Now) -> Entry {
        Entry {
            enqueued_unix_ms: self.letter.enqueued_unix_ms,
            attempt: self.attempt,
            uncounted: self.attempt,
            history: self.letter.history.into(),
            ..Entry::new(self.letter.job, place, now.unix_ms)
        }
    }

    pub(super) fn status(&self) -> JobStatus {
        let last = self.letter.history.last();
        JobStatus::Dead { error: last.map(|last| last.error.to_string()).unwrap_or_default() }
    }

    pub(super) fn summary(&self) -> JobSummary {
        JobSummary {
            since_unix_ms: self.letter.died_unix_ms,
            attempts: self.attempts,
            last: self.letter.history.last().cloned(),
            ..summary(&self.letter.job, self.letter.enqueued_unix_ms)
        }
    }
}

/// What is told of a job that never ran.
fn summary(job: &NewJob, enqueued_unix_ms: u64) -> JobSummary {
    JobSummary {
        id: job.id,
        caller: job.caller.clone(),
        caller_variant: job.caller_variant.clone(),
        priority: job.priority,
        body_bytes: job.body.len(),
        enqueued_unix_ms,
        since_unix_ms: enqueued_unix_ms,
        consumer: None,
        attempts: 0,
        last: None,
    }
}
