//! One queue of a file, as callers hold it.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use futures_util::future::BoxFuture;
use meshwork_shared::ids::JobId;
use rusqlite::Result as SqlResult;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::batch::{Batch, Opened};
use super::bell::Watch;
use super::desk::Desk;
use super::options::FileOptions;
use super::order::{HandBack, Order, Task, WaitingEnd, WaitingLease};
use super::store::Failure;
use crate::backend::Queue;
use crate::error::{EnqueueError, FinishError, Unavailable};
use crate::job::{DeadLetter, Enqueued, Finished, JobEnd, Lease, LeaseToken, NewJob};
use crate::status::{Canceled, JobStatus, JobSummary, QueueDepth, Section};

/// What all handles of a backend have in common. The writer ends with the last of them.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: FileOptions,
    /// Has room for as many orders as there are permits, and one notice of the bell.
    pub(super) orders: SyncSender<Order>,
    pub(super) operations: Arc<Semaphore>,
    pub(super) leases: Arc<Semaphore>,
    pub(super) waits: Arc<Semaphore>,
    /// Kept for as long as somebody may wait.
    pub(super) _watch: Option<Watch>,
}

impl Shared {
    /// Has the writer do something as part of a transaction.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut Batch<'_>) -> SqlResult<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = permit(&self.operations).await?;
        let (reply, answer) = oneshot::channel();
        let order = Order::Work(Box::new(Task::new(run, reply)), permit);
        self.orders.try_send(order).map_err(|_| gone(false))?;
        answer.await.unwrap_or_else(|_| Err(gone(true)))
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Failure> {
    semaphore.clone().acquire_owned().await.map_err(|_| gone(false))
}

fn gone(is_unknown: bool) -> Failure {
    Failure { message: "the thread of the queue's file has ended".to_owned(), is_unknown }
}

/// One queue of a file.
pub(super) struct FileQueue {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Opened>,
}

impl FileQueue {
    /// Has the writer do something with this queue.
    fn ask<T: Send + 'static>(
        &self,
        mut run: impl FnMut(&mut Desk<'_>) -> SqlResult<T> + Send + 'static,
    ) -> impl Future<Output = Result<T, Failure>> + Send {
        let queue = self.queue.clone();
        self.shared.ask(move |batch| run(&mut batch.desk(&queue)?))
    }

    /// The same, where there is nothing to say but that it failed.
    fn look<'a, T: Send + 'static>(
        &'a self,
        run: impl FnMut(&mut Desk<'_>) -> SqlResult<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, Unavailable>> {
        let answer = self.ask(run);
        Box::pin(async move { answer.await.map_err(Unavailable::from) })
    }

    /// The same for each of several runs.
    fn for_each<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
        run: fn(&mut Desk<'_>, LeaseToken) -> SqlResult<Result<(), FinishError>>,
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>> {
        let own = tokens.to_vec();
        let answer = self.ask(move |desk| own.iter().map(|token| run(desk, *token)).collect());
        Box::pin(async move {
            answer.await.unwrap_or_else(|failure| vec![Err(failure.into()); tokens.len()])
        })
    }

    async fn next_leases(&self, consumer: &str, max: usize) -> Vec<Lease> {
        loop {
            if let Ok(leases) = self.try_lease(consumer, max).await {
                return leases;
            }
            // The writer has ended, which it does not while there is a handle: it panicked, and
            // has said so. There will be no jobs from here.
            std::future::pending::<()>().await;
        }
    }

    async fn try_lease(&self, consumer: &str, max: usize) -> Result<Vec<Lease>, Failure> {
        let place = permit(&self.shared.leases).await?;
        let passage = permit(&self.shared.operations).await?;
        let (reply, answer) = oneshot::channel();
        let mut claim = Claim { handle: self, answer, place: Some(place) };
        let lease =
            WaitingLease { queue: self.queue.clone(), consumer: consumer.to_owned(), max, reply };
        self.shared.orders.try_send(Order::Lease(lease, passage)).map_err(|_| gone(false))?;
        (&mut claim.answer).await.map_err(|_| gone(false))
    }

    async fn end(&self, job: JobId) -> Result<Option<JobStatus>, Failure> {
        let _place = permit(&self.shared.waits).await?;
        let passage = permit(&self.shared.operations).await?;
        let (reply, answer) = oneshot::channel();
        let end = WaitingEnd { queue: self.queue.clone(), job, reply };
        self.shared.orders.try_send(Order::Wait(end, passage)).map_err(|_| gone(false))?;
        answer.await.map_err(|_| gone(false))
    }
}

/// A lease that is waited for. Dropped with jobs in it, it gives them back.
struct Claim<'a> {
    handle: &'a FileQueue,
    answer: oneshot::Receiver<Vec<Lease>>,
    /// Becomes the passage of what is given back.
    place: Option<OwnedSemaphorePermit>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.answer.close();
        let (Ok(leases), Some(place)) = (self.answer.try_recv(), self.place.take()) else { return };
        let tokens = leases.iter().map(Lease::token).collect();
        let back = HandBack { queue: self.handle.queue.clone(), tokens };
        // It fails only if the writer has ended; then the lease runs out.
        let _ = self.handle.shared.orders.try_send(Order::HandBack(back, place));
    }
}

impl Queue for FileQueue {
    fn enqueue(&self, jobs: Vec<NewJob>) -> BoxFuture<'_, Vec<Result<Enqueued, EnqueueError>>> {
        let count = jobs.len();
        let answer = self.ask(move |desk| jobs.iter().map(|job| desk.enqueue(job)).collect());
        Box::pin(async move {
            answer.await.unwrap_or_else(|failure: Failure| vec![Err(failure.into()); count])
        })
    }

    fn enqueue_due(
        &self,
        due_unix_ms: u64,
        job: NewJob,
    ) -> BoxFuture<'_, Result<bool, EnqueueError>> {
        let answer = self.ask(move |desk| desk.enqueue_due(due_unix_ms, &job));
        Box::pin(async move { answer.await? })
    }

    fn last_due(&self) -> BoxFuture<'_, Result<Option<u64>, Unavailable>> {
        self.look(|desk| Ok(desk.book.last_due))
    }

    fn lease<'a>(&'a self, consumer: &'a str, max: usize) -> BoxFuture<'a, Vec<Lease>> {
        Box::pin(self.next_leases(consumer, max))
    }

    fn handed_back(&self) -> BoxFuture<'_, ()> {
        // What comes later is done after what was handed back, or with it.
        let later = self.shared.ask(|_| Ok(()));
        Box::pin(async move { drop(later.await) })
    }

    fn renew<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>> {
        self.for_each(tokens, |desk, token| desk.renew(token))
    }

    fn finish(
        &self,
        token: LeaseToken,
        end: JobEnd,
    ) -> BoxFuture<'_, Result<Finished, FinishError>> {
        let answer = self.ask(move |desk| desk.finish(token, &end));
        Box::pin(async move { answer.await? })
    }

    fn release<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>> {
        self.for_each(tokens, |desk, token| desk.release(token))
    }

    fn status(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>> {
        self.look(move |desk| desk.status(job))
    }

    fn wait(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>> {
        Box::pin(async move { Ok(self.end(job).await?) })
    }

    fn cancel(&self, job: JobId) -> BoxFuture<'_, Result<Canceled, Unavailable>> {
        self.look(move |desk| desk.cancel(job))
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, Unavailable>> {
        self.look(|desk| desk.depth())
    }

    fn peek(
        &self,
        section: Section,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JobSummary>, Unavailable>> {
        self.look(move |desk| desk.peek(section, after, limit))
    }

    fn dead_letter(&self, job: JobId) -> BoxFuture<'_, Result<Option<DeadLetter>, Unavailable>> {
        self.look(move |desk| desk.dead_letter(job))
    }

    fn retry_dead(
        &self,
        job: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<usize, Unavailable>> {
        self.look(move |desk| desk.retry_dead(job, limit))
    }

    fn bury(&self, note: &str, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>> {
        let note = note.to_owned();
        self.look(move |desk| desk.bury(&note, limit))
    }

    fn purge(&self, section: Section, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>> {
        self.look(move |desk| desk.purge(section, limit))
    }

    fn set_paused(&self, paused: bool) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.look(move |desk| desk.set_paused(paused))
    }
}

impl From<Failure> for EnqueueError {
    fn from(failure: Failure) -> Self {
        let Failure { message, is_unknown } = failure;
        if is_unknown { Self::Unknown { message } } else { Self::Unavailable { message } }
    }
}

impl From<Failure> for FinishError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable { message: failure.message }
    }
}

impl From<Failure> for Unavailable {
    fn from(failure: Failure) -> Self {
        Self { message: failure.message }
    }
}
