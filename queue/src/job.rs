//! What is stored, what a consumer gets of it, and what is told about it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use meshwork_schema::{Variant, WorkerName};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::status::Reply;

/// A call to be stored. Clones share the body.
#[derive(Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id, drawn by the caller: the same one enqueued again is the same job.
    pub id: JobId,
    /// The worker that called. In a shared queue this is what the entry says; who opens `body`
    /// learns whether it is true.
    pub caller: WorkerName,
    /// The instance that called.
    pub caller_variant: Variant,
    /// How `body` is encoded.
    pub codec: Codec,
    /// The arguments; the queue never looks inside.
    pub body: Bytes,
    /// Names the key that `body` is sealed with, where the queue is shared.
    pub key: Option<ByteString>,
    /// The trace that the call belongs to, as it travels in calls.
    pub trace: Option<Bytes>,
    /// When it may run: a wait from now by the clock of the store, or a unix time.
    pub start: Start,
    /// Which jobs go first.
    pub priority: Priority,
    /// Refuses a second job of the same key for a while.
    pub dedupe: Option<Dedupe>,
    /// Runs before it is dead-lettered, instead of the queue's.
    pub attempts: Option<u32>,
    /// How long one run may take, instead of the queue's.
    pub run_timeout: Option<Duration>,
}

/// When a job may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// As soon as there is a slot.
    #[default]
    Now,
    /// After a wait, by the clock of the store.
    After(Duration),
    /// At a unix time in milliseconds, by the clock of the store.
    At(u64),
}

/// Which jobs go first: all ready ones of a higher priority before any of a lower one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others.
    High,
    /// The default.
    #[default]
    Normal,
    /// After all others.
    Low,
}

/// For `window` from the moment that a job with this key was stored, another one with the same
/// key is not stored: its enqueueing answers with the first one's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// What makes two jobs the same; at most
    /// [`DEDUPE_KEY_BYTES_MAX`](crate::limits::DEDUPE_KEY_BYTES_MAX).
    pub key: String,
    /// For how long.
    pub window: Duration,
}

/// What was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job: the new one, or the one that was there with the same dedupe key.
    pub id: JobId,
    /// Whether it was there before.
    pub is_duplicate: bool,
}

impl NewJob {
    /// A call of `caller` with these arguments, to run as soon as possible.
    pub fn new(
        id: JobId,
        caller: WorkerName,
        caller_variant: Variant,
        codec: Codec,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            id,
            caller,
            caller_variant,
            codec,
            body: body.into(),
            key: None,
            trace: None,
            start: Start::Now,
            priority: Priority::Normal,
            dedupe: None,
            attempts: None,
            run_timeout: None,
        }
    }
}

impl fmt::Debug for NewJob {
    /// Arguments may be secret: only their size is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewJob")
            .field("id", &self.id)
            .field("caller", &self.caller)
            .field("caller_variant", &self.caller_variant)
            .field("codec", &self.codec)
            .field("body_bytes", &self.body.len())
            .field("key", &self.key)
            .field("start", &self.start)
            .field("priority", &self.priority)
            .field("dedupe", &self.dedupe)
            .field("attempts", &self.attempts)
            .field("run_timeout", &self.run_timeout)
            .finish_non_exhaustive()
    }
}

/// One run of a job, given to one consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub id: JobId,
    /// Number of this run, from 1. It only ever grows: no two runs of a job have the same one.
    pub attempt: u32,
    /// Whether a failure of this run is the job's last.
    pub is_last: bool,
    /// When the job was stored, unix milliseconds.
    pub enqueued_unix_ms: u64,
    /// How long this run may take, counted from its start: who runs it ends it then. The lease is
    /// another matter: it is renewed for as long as the run goes on.
    pub run_timeout: Duration,
    /// What to run.
    pub job: NewJob,
}

impl Lease {
    /// What [`finish`](crate::Queue::finish) takes.
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
    /// The work is done.
    Done {
        /// What to keep for whoever asks, for
        /// [`QueueOptions::done_kept`](crate::QueueOptions::done_kept).
        reply: Option<Reply>,
    },
    /// It failed and may succeed later: run it again after a wait, unless this was the last
    /// attempt.
    Retry {
        /// What went wrong, for the history.
        error: String,
        /// How long to wait, instead of the backoff.
        after: Option<Duration>,
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
    /// It is done.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Number of the run, from 1.
    pub attempt: u32,
    /// The consumer that ran it.
    pub consumer: String,
    /// When it began, unix milliseconds.
    pub started_unix_ms: u64,
    /// When it ended, unix milliseconds.
    pub ended_unix_ms: u64,
    /// How it failed.
    pub error: AttemptError,
}

/// How a run failed.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AttemptError {
    /// The handler said so.
    #[error("{message}")]
    Failed {
        /// Its words, cut to [`ERROR_BYTES_MAX`](crate::limits::ERROR_BYTES_MAX).
        message: String,
    },
    /// Nobody renewed the lease: the consumer died, or was cut off.
    #[error("its consumer was lost while it ran")]
    LeaseExpired,
    /// It was put aside without a run, for the reason given: see [`Queue::bury`](crate::Queue).
    #[error("{note}")]
    Buried {
        /// Why.
        note: String,
    },
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
