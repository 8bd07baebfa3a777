//! A job in memory, with where it stands.

use std::collections::VecDeque;

use meshwork_shared::ids::JobId;
use tokio::time::Instant;

use super::queue::Now;
use crate::job::{Attempt, AttemptError, DeadLetter, NewJob};
use crate::limits::{ERROR_BYTES_MAX, HISTORY_ATTEMPTS_MAX, JOB_OVERHEAD_BYTES};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It could run now.
    Ready,
    /// It waits for its next attempt.
    Delayed { due: Instant },
    /// It runs.
    Leased { expires: Instant },
}

/// A job that is neither done nor dead.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: JobId,
    pub(super) job: NewJob,
    pub(super) enqueued_unix_ms: u64,
    /// Runs so far, the present one included.
    pub(super) attempt: u32,
    /// When the present or last run began.
    pub(super) started_unix_ms: u64,
    pub(super) state: State,
    history: VecDeque<Attempt>,
}

impl Entry {
    pub(super) fn new(id: JobId, job: NewJob, unix_ms: u64) -> Self {
        Self {
            id,
            job,
            enqueued_unix_ms: unix_ms,
            attempt: 0,
            started_unix_ms: unix_ms,
            state: State::Ready,
            history: VecDeque::new(),
        }
    }

    /// Bytes that it is counted with.
    pub(super) fn bytes(&self) -> usize {
        job_bytes(&self.job) + history_bytes(self.history.iter())
    }

    /// Writes the failure of the present run into the history.
    pub(super) fn note(&mut self, error: AttemptError, now: Now) {
        if self.history.len() == HISTORY_ATTEMPTS_MAX {
            self.history.pop_front();
        }
        self.history.push_back(Attempt {
            attempt: self.attempt,
            started_unix_ms: self.started_unix_ms,
            ended_unix_ms: now.unix_ms,
            error: cut(error),
        });
    }

    pub(super) fn into_dead_letter(self, now: Now) -> DeadLetter {
        DeadLetter {
            id: self.id,
            job: self.job,
            enqueued_unix_ms: self.enqueued_unix_ms,
            died_unix_ms: now.unix_ms,
            history: self.history.into(),
        }
    }
}

/// Bytes that a job is counted with before its first failure.
pub(super) fn job_bytes(job: &NewJob) -> usize {
    job.body.len().saturating_add(JOB_OVERHEAD_BYTES)
}

/// Bytes that a dead letter is counted with.
pub(super) fn dead_letter_bytes(letter: &DeadLetter) -> usize {
    job_bytes(&letter.job) + history_bytes(letter.history.iter())
}

fn history_bytes<'a>(history: impl Iterator<Item = &'a Attempt>) -> usize {
    let message = |attempt: &Attempt| match &attempt.error {
        AttemptError::Failed { message } => message.len(),
        AttemptError::RunTimeout => 0,
    };
    history.map(|attempt| size_of::<Attempt>() + message(attempt)).sum()
}

fn cut(error: AttemptError) -> AttemptError {
    match error {
        AttemptError::Failed { mut message } => {
            message.truncate(message.floor_char_boundary(ERROR_BYTES_MAX));
            message.shrink_to_fit();
            AttemptError::Failed { message }
        }
        AttemptError::RunTimeout => AttemptError::RunTimeout,
    }
}
