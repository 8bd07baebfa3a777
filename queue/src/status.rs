//! What can be asked about jobs and queues.

use bytes::Bytes;
use meshwork_schema::{Variant, WorkerName};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use serde::{Deserialize, Serialize};

use crate::job::{Attempt, Priority};

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// It could run now, and waits for a slot.
    Waiting,
    /// It waits for its time: as it was enqueued, or for its next attempt.
    Scheduled {
        /// When, unix milliseconds by the clock of the store.
        due_unix_ms: u64,
        /// Runs that are behind it.
        attempts: u32,
    },
    /// It runs.
    Running {
        /// The consumer that holds it.
        consumer: String,
        /// Number of this run, from 1.
        attempt: u32,
        /// Since when, unix milliseconds by the clock of the store.
        since_unix_ms: u64,
    },
    /// It is done. Known for [`QueueOptions::done_kept`](crate::QueueOptions::done_kept).
    Done {
        /// What the handler answered, if the command answers.
        reply: Option<Reply>,
    },
    /// It failed for good or ran out of attempts, and is a dead letter.
    Dead {
        /// The last error.
        error: String,
    },
    /// It was canceled before it ran.
    Canceled,
}

impl JobStatus {
    /// Whether nothing more happens to the job by itself.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Dead { .. } | Self::Canceled)
    }
}

/// What a handler answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// How `body` is encoded.
    pub codec: Codec,
    /// The bytes; sealed where the queue is shared.
    pub body: Bytes,
}

impl std::fmt::Debug for Reply {
    /// Answers may be secret: only their size is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("codec", &self.codec)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// The answer to [`Queue::cancel`](crate::Queue::cancel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canceled {
    /// It will not run.
    Yes,
    /// It runs at the moment, and goes on.
    Running,
    /// It is done, dead, canceled before, or unknown: there was nothing to cancel.
    Over,
}

/// A part of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Jobs that could run now.
    Ready,
    /// Jobs that wait for their time.
    Scheduled,
    /// Jobs that run.
    Running,
    /// Dead letters.
    Dead,
}

/// A job as people look at it: everything but its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobSummary {
    /// The job.
    pub id: JobId,
    /// Who called, as it said (proven only when the job is opened).
    pub caller: WorkerName,
    /// The instance that called, as it said.
    pub caller_variant: Variant,
    /// Its priority.
    pub priority: Priority,
    /// Bytes of its arguments.
    pub body_bytes: usize,
    /// When it was stored, unix milliseconds.
    pub enqueued_unix_ms: u64,
    /// When it runs or ran out, unix milliseconds: due time, start of the run, or death.
    pub since_unix_ms: u64,
    /// The consumer that runs it.
    pub consumer: Option<String>,
    /// Runs so far, the present one included.
    pub attempts: u32,
    /// The newest failed run.
    pub last: Option<Attempt>,
}

/// How much of what is in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueDepth {
    /// Jobs that could run now.
    pub ready: usize,
    /// Jobs that wait for their time or their next attempt.
    pub scheduled: usize,
    /// Jobs that run.
    pub running: usize,
    /// Dead letters that are kept.
    pub dead: usize,
    /// Dead letters that were pushed out by newer ones since the queue began, and jobs that a store
    /// could not read any more.
    pub dead_dropped: u64,
    /// Runs that failed and were followed by another since the queue began.
    pub retried: u64,
    /// Jobs that were done since the queue began.
    pub done: u64,
    /// How long the oldest of the ready jobs has waited, milliseconds.
    pub oldest_ready_ms: Option<u64>,
    /// Bytes of all that is stored, where the backend counts them.
    pub bytes: usize,
    /// Whether leasing is stopped.
    pub is_paused: bool,
}

impl QueueDepth {
    /// Jobs that are neither done nor dead.
    pub fn live(&self) -> usize {
        self.ready + self.scheduled + self.running
    }

    /// Whether nothing is in it that anybody would miss: no job, no dead letter, no pause.
    pub fn is_unused(&self) -> bool {
        self.live() == 0 && self.dead == 0 && !self.is_paused
    }
}
