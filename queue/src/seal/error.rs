//! Why a job was not sealed or not opened. Nothing here holds a key or an argument.

use meshwork_schema::{CommandName, WorkerName};
use thiserror::Error;

/// Why a job or a reply was not sealed; nothing may be stored.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SealError {
    /// The master has not given any key yet: this worker has not joined, or its master keeps none.
    /// Safe to retry once it has.
    #[error("the master has given no keys of queued jobs yet")]
    NoKeys,
    /// The schema does not let this worker call that command, or does not have it as a queued one.
    /// The caller's fault, until the schema changes.
    #[error("the schema does not let this worker enqueue `{callee}.{command}`")]
    NotAllowed {
        /// Whose command.
        callee: WorkerName,
        /// Which command.
        command: CommandName,
    },
    /// The caller that the job names is not this worker. A mistake in the code that made it.
    #[error("this worker cannot enqueue in the name of `{caller}`")]
    NotOurs {
        /// Who is named.
        caller: WorkerName,
    },
}

/// Why a job or a reply was not opened. Never run the job, never use the reply.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OpenError {
    /// It names no key or holds no sealed bytes: whoever wrote it is no worker of this mesh.
    #[error("it is not sealed")]
    NotSealed,
    /// The key that it names is not that of its caller and its queue.
    #[error("it names another key than that of its caller and its queue")]
    OtherKey,
    /// The queue is that of another worker, or the reply that of another caller: this process has
    /// no key for it, by design.
    #[error("it is sealed for another worker")]
    NotOurs,
    /// The key is there, but this process has not got it yet: the root was rotated a moment ago,
    /// or while this process did not reach the master. The one case that passes by itself: leave
    /// the job to others, or try again later.
    #[error("its key, of epoch {epoch}, has not arrived yet")]
    NotYet {
        /// The epoch that it names.
        epoch: u64,
    },
    /// Sealed under a root that is not kept any more, or never was.
    #[error("the queue root of epoch {epoch} is not kept any more, or never was")]
    UnknownEpoch {
        /// The epoch that it names.
        epoch: u64,
    },
    /// The seal does not hold: it was changed, copied from another job or queue, or made up.
    #[error("the seal does not hold: it was changed, copied, or made up")]
    Broken,
    /// The seal holds, but the schema in force does not let that caller call the command.
    #[error("the schema does not let `{caller}` call this command")]
    NotAllowed {
        /// The proven caller.
        caller: WorkerName,
    },
}

impl OpenError {
    /// Whether the same job may open later without anybody's change to it. Any other is to be
    /// dead-lettered at once.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotYet { .. } => true,
            Self::NotSealed
            | Self::OtherKey
            | Self::NotOurs
            | Self::UnknownEpoch { .. }
            | Self::Broken
            | Self::NotAllowed { .. } => false,
        }
    }
}
