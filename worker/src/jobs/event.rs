//! What hooks are told of jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use meshwork_queue::QueueName;
use meshwork_schema::WorkerName;
use meshwork_shared::ids::JobId;

use super::Jobs;

/// Something that happened to a job on this instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEvent {
    /// The job.
    pub job: JobId,
    /// The queue that it came from.
    pub queue: QueueName,
    /// Who enqueued it.
    pub caller: WorkerName,
    /// Number of the run, from 1.
    pub attempt: u32,
    /// What happened.
    pub what: JobEventKind,
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEventKind {
    /// Its handler starts.
    Started,
    /// Its handler succeeded, and the queue knows.
    Done,
    /// The run failed, and the job runs again.
    Retried {
        /// How it failed.
        error: String,
        /// How long it waits until then.
        delay: Duration,
    },
    /// The run failed, and was the last: the job is a dead letter.
    Dead {
        /// How it failed.
        error: String,
    },
    /// The queue gave the job to somebody else, because it did not hear of this run for too long.
    /// The run was ended, or its end came too late.
    LeaseLost,
    /// This instance shuts down before the run was over, and handed the job back.
    Released,
}

impl Jobs {
    /// Tells all hooks. One that panics harms nobody else.
    pub(super) fn tell(&self, event: &JobEvent) {
        for hook in &self.hooks {
            if catch_unwind(AssertUnwindSafe(|| hook(event.clone()))).is_err() {
                log::error!("a hook for jobs panicked at {:?} of job {}", event.what, event.job);
            }
        }
    }

    /// Whether anybody wants to be told.
    pub(super) fn has_hooks(&self) -> bool {
        !self.hooks.is_empty()
    }
}
