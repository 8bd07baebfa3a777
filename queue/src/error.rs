//! Why an operation on a queue was refused.

use thiserror::Error;

/// Why a job was not stored. Enqueueing it again with the same id cannot make two of it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
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
    /// The store could not be reached, or refused to write (its memory is full, it is a replica
    /// now): nothing was stored. Safe to retry.
    #[error("the job was not stored: {message}")]
    Unavailable {
        /// What the store or the network said.
        message: String,
    },
    /// The store did not answer after the job was sent: it may be stored. Safe to retry with the
    /// same id only.
    #[error("it is not known whether the job was stored: {message}")]
    Unknown {
        /// What the store or the network said.
        message: String,
    },
}

impl EnqueueError {
    /// It was sent, and there was no answer in the caller's time.
    pub(crate) fn late() -> Self {
        Self::Unknown { message: "no answer in time".to_owned() }
    }
}

/// The store of the queues did not answer, or refused. Safe to retry.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the queue is not reachable: {message}")]
pub struct Unavailable {
    /// What the store or the network said.
    pub message: String,
}

/// Why the end of a run was not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FinishError {
    /// The lease is no longer held: it was not renewed in time, or finished before. The job runs
    /// again or is over, whatever this run did; do not retry.
    #[error("the lease of this run is gone: it was not renewed in time, or finished before")]
    LeaseLost,
    /// The store did not answer: it may have been taken. Safe to retry, as often as needed; the
    /// lease says when it is too late.
    #[error("the queue is not reachable: {message}")]
    Unavailable {
        /// What the store or the network said.
        message: String,
    },
}
