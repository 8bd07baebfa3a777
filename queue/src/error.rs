//! Why an operation on a queue was refused.

use thiserror::Error;

/// Why a job was not stored. Nothing of it was kept: enqueueing it again cannot make two of it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EnqueueError {
    /// The queue is at a bound: its consumers are slower than its callers. Safe to retry later;
    /// elsewhere at once, if another instance keeps a queue of its own.
    #[error("the queue is full: {jobs} jobs of at most {jobs_max}, {bytes} bytes of {bytes_max}")]
    Full {
        /// Jobs that wait or run.
        jobs: usize,
        /// How many of them there may be.
        jobs_max: usize,
        /// Bytes of all that is stored.
        bytes: usize,
        /// How many of them there may be.
        bytes_max: usize,
    },
    /// The job alone is larger than the whole queue. The caller's fault; a retry ends the same way.
    #[error("a job of {bytes} bytes can never fit in a queue of {bytes_max}")]
    TooLarge {
        /// Bytes of the job with its overhead.
        bytes: usize,
        /// Bytes of the whole queue.
        bytes_max: usize,
    },
}

/// Why the end of a run was not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FinishError {
    /// The lease is no longer held: the run took longer than `run_timeout`, or it was finished
    /// before. The job runs again or is dead-lettered, whatever this run did; do not retry.
    #[error("the lease of this run is gone: it passed its run_timeout, or was finished before")]
    LeaseLost,
}
