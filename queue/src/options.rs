//! How a queue treats its jobs.

use std::time::Duration;

use meshwork_schema::{BackoffRange, CommandSchema};

use crate::limits::QueueLimits;

/// The options of one queue. How many jobs run at once is not among them: a consumer asks for a
/// lease only when it has a free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueOptions {
    /// Runs of a job, the first one included, before it is dead-lettered; 0 counts as 1. Default 5.
    pub attempts: u32,
    /// Shortest and longest wait between two runs of a job; default 1 s to 1 min.
    pub backoff: BackoffRange,
    /// How long one run may take; who runs it ends it then, as a failed run. Default 1 min.
    pub run_timeout: Duration,
    /// How long a job stays with a consumer that does not renew it; default 30 s. So long does
    /// the job of a process that died wait for another.
    pub lease: Duration,
    /// How long it is known that a job is done, and what it answered; default 1 h. In this time a
    /// job of the same id is not stored again.
    pub done_kept: Duration,
    /// How much the queue holds.
    pub limits: QueueLimits,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            attempts: 5,
            backoff: BackoffRange { min: Duration::from_secs(1), max: Duration::from_secs(60) },
            run_timeout: Duration::from_secs(60),
            lease: Duration::from_secs(30),
            done_kept: Duration::from_secs(60 * 60),
            limits: QueueLimits::default(),
        }
    }
}

impl From<&CommandSchema> for QueueOptions {
    /// The options that the schema gives a queued command, with the default limits.
    fn from(command: &CommandSchema) -> Self {
        Self {
            attempts: command.attempts,
            backoff: command.backoff,
            run_timeout: command.run_timeout,
            lease: command.lease,
            done_kept: command.done_kept,
            limits: QueueLimits::default(),
        }
    }
}
