//! The seam between who runs jobs and where they are kept.
//!
//! A [`QueueBackend`] is a store that all queues of a mesh share; a [`Queue`] is one of them: that
//! of one command of one worker, or of one instance of it when the command is broadcast.
//!
//! Why traits and not an enum of backends: a queue kept elsewhere brings a client and configuration
//! of its own, which an enum would drag into this crate's core; and a worker learns only from its
//! configuration which one it uses, so that both are used as `dyn`. Leases, due times and order
//! belong to the backend (in a shared one they go by *its* clock), so that no operation takes the
//! time of the caller except where a due time is meant. Waiting out a lost connection is the
//! backend's own business too where nobody waits for a word: [`Queue::lease`] has no error.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use meshwork_shared::ids::JobId;
use tokio::time::{Instant, timeout_at};

use crate::error::{EnqueueError, FinishError, Unavailable};
use crate::job::{DeadLetter, Enqueued, Finished, JobEnd, Lease, LeaseToken, NewJob};
use crate::name::QueueName;
use crate::options::QueueOptions;
use crate::status::{Canceled, JobStatus, JobSummary, QueueDepth, Section};

/// Where queues are kept.
pub trait QueueBackend: Send + Sync + 'static {
    /// Who shares what is kept here.
    fn scope(&self) -> Scope;

    /// One queue. Nothing is read or written before it is used; opened twice, both are the same
    /// queue.
    fn open(&self, name: QueueName, options: QueueOptions) -> Arc<dyn Queue>;

    /// The queues that hold anything or are paused, in order of their names.
    ///
    /// # Errors
    /// [`Unavailable`]: the store did not answer. Safe to retry.
    fn list(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>>;

    /// The queues of which only a memory is left, in order of their names: they were used, are not
    /// paused, and nothing waits in them, runs or is dead.
    ///
    /// # Errors
    /// [`Unavailable`]: the store did not answer. Safe to retry.
    fn list_empty(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>>;

    /// Deletes what is left of an empty queue: its counters, and what is remembered of the ends of
    /// its jobs. Answers whether nothing is left: no while it holds a job or a dead letter, while
    /// it is paused, and in memory while somebody has it open.
    ///
    /// # Errors
    /// [`Unavailable`]: it may or may not be deleted. Safe to retry.
    fn forget<'a>(&'a self, name: &'a QueueName) -> BoxFuture<'a, Result<bool, Unavailable>>;

    /// What could be lost with the settings of the store, a sentence each; none is good.
    ///
    /// # Errors
    /// [`Unavailable`]: the store did not answer. Safe to retry.
    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>>;
}

/// Who shares the queues of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One process: the queue lives and dies with it.
    Process,
    /// The processes of one machine.
    Machine,
    /// Every process of the mesh.
    Mesh,
}

/// One durable queue. See the [crate] for the contract that each implementation keeps.
///
/// Every future is cancel-safe in this sense: dropped, its operation happened or did not, and a
/// job that a dropped [`lease`](Self::lease) may have taken is handed back at once
/// ([`handed_back`](Self::handed_back) waits for it).
pub trait Queue: Send + Sync + 'static {
    /// Stores jobs, each by itself. A job is stored when its result is `Ok`, and not before. A job
    /// whose id is known already (also as done or canceled) is not stored again: that makes a
    /// repeated enqueue of an unknown outcome safe.
    ///
    /// # Errors
    /// [`EnqueueError`], one for each job, in their order.
    fn enqueue(&self, jobs: Vec<NewJob>) -> BoxFuture<'_, Vec<Result<Enqueued, EnqueueError>>>;

    /// As [`enqueue`](Self::enqueue), answered at `until` at the latest. What was not sent to the
    /// store by then never is, and is `Unavailable` (where a backend can tell); what was sent and
    /// not answered is `Unknown`.
    ///
    /// # Errors
    /// [`EnqueueError`], one for each job, in their order.
    fn enqueue_until(
        &self,
        jobs: Vec<NewJob>,
        until: Instant,
    ) -> BoxFuture<'_, Vec<Result<Enqueued, EnqueueError>>> {
        let count = jobs.len();
        Box::pin(async move {
            match timeout_at(until, self.enqueue(jobs)).await {
                Ok(stored) => stored,
                Err(_) => vec![Err(EnqueueError::late()); count],
            }
        })
    }

    /// Stores one job, as [`enqueue_until`](Self::enqueue_until) would; cheaper where a backend can
    /// tell.
    ///
    /// # Errors
    /// [`EnqueueError`].
    fn enqueue_one(
        &self,
        job: NewJob,
        until: Instant,
    ) -> BoxFuture<'_, Result<Enqueued, EnqueueError>> {
        Box::pin(async move {
            let stored = self.enqueue_until(vec![job], until).await.into_iter().next();
            let no_word = || EnqueueError::Unknown { message: "no word of the job".to_owned() };
            stored.unwrap_or_else(|| Err(no_word()))
        })
    }

    /// Stores the job of a due time unless that of this or a later one was stored before: of all
    /// that call it, with whatever clocks, one stores. Answers whether this call did: no also for
    /// a time that is more than [`DUE_AHEAD_MS_MAX`](crate::limits::DUE_AHEAD_MS_MAX) ahead of the
    /// clock of the store.
    ///
    /// # Errors
    /// [`EnqueueError`]; nothing is noted as stored then.
    fn enqueue_due(
        &self,
        due_unix_ms: u64,
        job: NewJob,
    ) -> BoxFuture<'_, Result<bool, EnqueueError>>;

    /// The newest due time that [`enqueue_due`](Self::enqueue_due) stored.
    ///
    /// # Errors
    /// [`Unavailable`]: the store did not answer. Safe to retry.
    fn last_due(&self) -> BoxFuture<'_, Result<Option<u64>, Unavailable>>;

    /// Waits until there are jobs that could run, and takes 1 to `max` of them for `consumer`:
    /// higher priority first, then the order of enqueueing. While the queue is paused there are
    /// none. Each is held for [`QueueOptions::lease`] from now unless it is renewed.
    fn lease<'a>(&'a self, consumer: &'a str, max: usize) -> BoxFuture<'a, Vec<Lease>>;

    /// Waits until what dropped calls of [`lease`](Self::lease) may have taken is in the queue
    /// again, as far as the store answers: who leaves waits for it before the process ends.
    fn handed_back(&self) -> BoxFuture<'_, ()>;

    /// Holds leases for another [`QueueOptions::lease`] from now.
    ///
    /// # Errors
    /// [`FinishError`], one for each token, in their order.
    fn renew<'a>(&'a self, tokens: &'a [LeaseToken])
    -> BoxFuture<'a, Vec<Result<(), FinishError>>>;

    /// Says how a run ended.
    ///
    /// # Errors
    /// [`FinishError::LeaseLost`] when the run is no longer this consumer's; nothing changed.
    fn finish(
        &self,
        token: LeaseToken,
        end: JobEnd,
    ) -> BoxFuture<'_, Result<Finished, FinishError>>;

    /// Hands back jobs that were not begun: they are first in the queue again, and the attempt
    /// does not count. Its number is not given again all the same.
    ///
    /// # Errors
    /// [`FinishError`], one for each token, in their order.
    fn release<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>>;

    /// What became of a job; `None` when nothing is known of it (never stored, or forgotten).
    ///
    /// # Errors
    /// [`Unavailable`]: the store did not answer. Safe to retry.
    fn status(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>>;

    /// Waits until the job is done, dead, canceled or forgotten, and says which.
    ///
    /// # Errors
    /// [`Unavailable`]: the store did not answer. Safe to retry.
    fn wait(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>>;

    /// Takes a job away that does not run at the moment.
    ///
    /// # Errors
    /// [`Unavailable`]: it may or may not have been taken away. Safe to retry.
    fn cancel(&self, job: JobId) -> BoxFuture<'_, Result<Canceled, Unavailable>>;

    /// How much of what is stored.
    ///
    /// # Errors
    /// [`Unavailable`]: the store did not answer. Safe to retry.
    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, Unavailable>>;

    /// Jobs of a section in their order, at most `limit`, from behind the job `after`; none when
    /// that one is not there any more.
    ///
    /// # Errors
    /// [`Unavailable`]: the store did not answer. Safe to retry.
    fn peek(
        &self,
        section: Section,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JobSummary>, Unavailable>>;

    /// A dead letter with its history.
    ///
    /// # Errors
    /// [`Unavailable`]: the store did not answer. Safe to retry.
    fn dead_letter(&self, job: JobId) -> BoxFuture<'_, Result<Option<DeadLetter>, Unavailable>>;

    /// Makes dead letters jobs again, with all their attempts before them: the one named, else
    /// the oldest, at most `limit`, as far as the queue has room. Answers how many: 0 when there
    /// are no more, or no room.
    ///
    /// # Errors
    /// [`Unavailable`]: some may have been moved. Safe to retry.
    fn retry_dead(
        &self,
        job: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<usize, Unavailable>>;

    /// Makes a dead letter of every job that waits, with this note instead of an attempt: what
    /// happens to the jobs of an instance that left for good. Answers how many.
    ///
    /// # Errors
    /// [`Unavailable`]: some may have been moved. Safe to retry.
    fn bury(&self, note: &str, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>>;

    /// Deletes the oldest jobs of a section, at most `limit`; those that run stay. Answers how
    /// many: 0 when there are no more.
    ///
    /// # Errors
    /// [`Unavailable`]: some may have been deleted. Safe to retry.
    fn purge(&self, section: Section, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>>;

    /// Stops or lets go on the leasing of jobs, for all consumers, until it is said otherwise.
    /// What runs goes on, and jobs are still stored.
    ///
    /// # Errors
    /// [`Unavailable`]: it may or may not have been done. Safe to retry.
    fn set_paused(&self, paused: bool) -> BoxFuture<'_, Result<(), Unavailable>>;
}
