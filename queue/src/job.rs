//! What is stored, what a consumer gets of it, and what is told about it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use meshwork_schema::{Variant, WorkerName};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use serde::Serialize;
use thiserror::Error;

/// A call to be stored. Clones share the body.
#[derive(Clone, PartialEq, Eq)]
pub struct NewJob {
    /// The worker that called, as its ticket proved.
    pub caller: WorkerName,
    /// The instance that called.
    pub caller_variant: Variant,
    /// How `body` is encoded.
    pub codec: Codec,
    /// The arguments; the queue never looks inside.
    pub body: Bytes,
}

impl NewJob {
    /// A call of `caller` with these arguments.
    pub fn new(
        caller: WorkerName,
        caller_variant: Variant,
        codec: Codec,
        body: impl Into<Bytes>,
    ) -> Self {
        Self { caller, caller_variant, codec, body: body.into() }
    }
}

impl fmt::Debug for NewJob {
    /// Arguments may be secret: only their size is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewJob")
            .field("caller", &self.caller)
            .field("caller_variant", &self.caller_variant)
            .field("codec", &self.codec)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// One run of a job, given to one consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub id: JobId,
    /// Number of this run, from 1.
    pub attempt: u32,
    /// Whether a failure of this run is the job's last.
    pub is_last: bool,
    /// When the job was stored, unix milliseconds.
    pub enqueued_unix_ms: u64,
    /// How long this run may take, counted from now; then the job is taken away.
    pub run_timeout: Duration,
    /// What to run.
    pub job: NewJob,
}

impl Lease {
    /// What [`finish`](crate::QueueBackend::finish) takes.
    pub fn token(&self) -> LeaseToken {
        LeaseToken { id: self.id, attempt: self.attempt }
    }
}

/// Names one run of one job: proof that whoever finishes it is the one that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseToken {
    /// The job.
    pub id: JobId,
    /// Number of the run, from 1.
    pub attempt: u32,
}

/// What a handler says at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// The work is done: forget the job.
    Done,
    /// It failed and may succeed later: run it again after a wait, unless this was the last
    /// attempt.
    Retry {
        /// What went wrong, for the history.
        error: String,
    },
    /// It failed and always will: dead-letter it now.
    Fail {
        /// What went wrong, for the history.
        error: String,
    },
}

/// What became of a job at the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is done and forgotten.
    Done,
    /// It runs again.
    Retried {
        /// How long it waits until then.
        delay: Duration,
    },
    /// It is a dead letter.
    Dead,
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Number of the run, from 1.
    pub attempt: u32,
    /// When it began, unix milliseconds.
    pub started_unix_ms: u64,
    /// When it ended, unix milliseconds.
    pub ended_unix_ms: u64,
    /// How it failed.
    pub error: AttemptError,
}

/// How a run failed.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttemptError {
    /// The handler said so.
    #[error("{message}")]
    Failed {
        /// Its words, cut to [`ERROR_BYTES_MAX`](crate::limits::ERROR_BYTES_MAX).
        message: String,
    },
    /// Nobody finished the run within `run_timeout`: it was too slow, or its consumer is gone.
    #[error("not finished within run_timeout")]
    RunTimeout,
}

/// A job that will not run again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The job.
    pub id: JobId,
    /// What it would have run.
    pub job: NewJob,
    /// When it was stored, unix milliseconds.
    pub enqueued_unix_ms: u64,
    /// When it was given up, unix milliseconds.
    pub died_unix_ms: u64,
    /// The newest failed runs, oldest first; at most
    /// [`HISTORY_ATTEMPTS_MAX`](crate::limits::HISTORY_ATTEMPTS_MAX).
    pub history: Vec<Attempt>,
}

/// How much of what is in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    /// Jobs that could run now.
    pub ready: usize,
    /// Jobs that wait for their next attempt.
    pub delayed: usize,
    /// Jobs that run.
    pub leased: usize,
    /// Dead letters that are kept.
    pub dead: usize,
    /// Dead letters that were pushed out by newer ones since the queue began.
    pub dead_dropped: u64,
    /// Bytes of all that is stored.
    pub bytes: usize,
}

impl QueueDepth {
    /// Jobs that are neither done nor dead.
    pub fn live(&self) -> usize {
        self.ready + self.delayed + self.leased
    }
}
