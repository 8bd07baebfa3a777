//! The seam between who runs jobs and where they are kept.
//!
//! A [`QueueBackend`] is *one* queue: that of one command of one worker (of one instance, when the
//! command is broadcast). Which one, and who consumes it, is said when it is opened, because that
//! differs between backends; everything after is the same four questions.
//!
//! Why a trait and not an enum of backends: a queue kept elsewhere brings a client, a feature and
//! configuration of its own, which an enum would drag into this crate's core. Why so small: leases,
//! due times and order belong to the backend (in a shared one they go by *its* clock), so that no
//! operation takes a time, and a consumer only says what it wants next. Waiting out a lost
//! connection is the backend's own business too: [`lease`](QueueBackend::lease) has no error.

use std::future::Future;

use crate::error::{EnqueueError, FinishError};
use crate::job::{DeadLetter, Finished, JobEnd, Lease, LeaseToken, NewJob, QueueDepth};
use meshwork_shared::ids::JobId;

/// One durable queue. See the [crate] for the contract that each implementation keeps.
pub trait QueueBackend: Send + Sync + 'static {
    /// Stores a job behind all others. The job is stored when this returns `Ok`, and not before.
    ///
    /// # Errors
    /// [`EnqueueError`]: nothing was stored.
    fn enqueue(&self, job: NewJob) -> impl Future<Output = Result<JobId, EnqueueError>> + Send;

    /// Waits for the next job that is due and takes it. Ask only when there is a slot to run it:
    /// its `run_timeout` starts at once. Cancel-safe: a dropped future has taken nothing.
    fn lease(&self) -> impl Future<Output = Lease> + Send;

    /// Says how a run ended.
    ///
    /// # Errors
    /// [`FinishError::LeaseLost`] when the run is no longer this consumer's; nothing changed.
    fn finish(
        &self,
        token: LeaseToken,
        end: JobEnd,
    ) -> impl Future<Output = Result<Finished, FinishError>> + Send;

    /// How much of what is stored.
    fn depth(&self) -> impl Future<Output = QueueDepth> + Send;

    /// The dead letters, oldest first, at most `limit` of them.
    fn dead_letters(&self, limit: usize) -> impl Future<Output = Vec<DeadLetter>> + Send;
}
