//! What the writer is asked for.

use std::fmt;
use std::sync::Arc;

use meshwork_shared::ids::JobId;
use rusqlite::Result as SqlResult;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::batch::{Batch, Opened};
use super::store::Failure;
use crate::job::{Lease, LeaseToken};
use crate::status::JobStatus;

/// One thing that the writer is asked for. Each holds the permit that made room for it.
pub(super) enum Order {
    /// An operation for the next transaction.
    Work(Box<dyn Work>, OwnedSemaphorePermit),
    /// Somebody waits for jobs.
    Lease(WaitingLease, OwnedSemaphorePermit),
    /// Somebody waits for the end of a job.
    Wait(WaitingEnd, OwnedSemaphorePermit),
    /// Leases that nobody came for any more.
    HandBack(HandBack, OwnedSemaphorePermit),
    /// Another process has news.
    Bell,
}

/// An operation that is part of a transaction.
pub(super) trait Work: Send {
    /// Whether nobody waits for it any more: then it is left out.
    fn is_abandoned(&self) -> bool;

    /// Does it. It may be called again, when the transaction was rolled back.
    fn run(&mut self, batch: &mut Batch<'_>) -> SqlResult<()>;

    /// Answers, after the transaction.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// An operation with what it results in.
pub(super) struct Task<F, T> {
    run: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, Failure>>,
}

impl<F, T> Task<F, T>
where
    F: FnMut(&mut Batch<'_>) -> SqlResult<T> + Send,
    T: Send,
{
    pub(super) fn new(run: F, reply: oneshot::Sender<Result<T, Failure>>) -> Self {
        Self { run, result: None, reply }
    }
}

impl<F, T> Work for Task<F, T>
where
    F: FnMut(&mut Batch<'_>) -> SqlResult<T> + Send,
    T: Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, batch: &mut Batch<'_>) -> SqlResult<()> {
        self.result = Some((self.run)(batch)?);
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let result = match (failure, self.result) {
            (None, Some(result)) => Ok(result),
            (Some(failure), _) => Err(failure.clone()),
            (None, None) => return,
        };
        // Who asked may be gone: then nobody is left to be told.
        let _ = self.reply.send(result);
    }
}

/// Somebody who waits for jobs.
pub(super) struct WaitingLease {
    pub(super) queue: Arc<Opened>,
    pub(super) consumer: String,
    pub(super) max: usize,
    pub(super) reply: oneshot::Sender<Vec<Lease>>,
}

/// Somebody who waits for the end of a job.
pub(super) struct WaitingEnd {
    pub(super) queue: Arc<Opened>,
    pub(super) job: JobId,
    pub(super) reply: oneshot::Sender<Option<JobStatus>>,
}

/// Leases to be given back to their queue.
pub(super) struct HandBack {
    pub(super) queue: Arc<Opened>,
    pub(super) tokens: Vec<LeaseToken>,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Work(..) => "Work",
            Self::Lease(..) => "Lease",
            Self::Wait(..) => "Wait",
            Self::HandBack(..) => "HandBack",
            Self::Bell => "Bell",
        })
    }
}
