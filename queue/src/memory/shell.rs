//! The shell around one [`MemoryQueue`]: its lock, its clocks, and the waiting.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use meshwork_shared::clock::Clock;
use meshwork_shared::ids::JobId;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::queue::{MemoryQueue, Now};
use crate::backend::Queue;
use crate::error::{EnqueueError, FinishError, Unavailable};
use crate::job::{DeadLetter, Enqueued, Finished, JobEnd, Lease, LeaseToken, NewJob};
use crate::options::QueueOptions;
use crate::status::{Canceled, JobStatus, JobSummary, QueueDepth, Section};

/// A queue in the memory of this process; every operation is a short lock.
pub(super) struct Shell {
    inner: Mutex<Inner>,
    /// Told when there is something for a consumer, or sooner than it waits for.
    ready: Notify,
    clock: Clock,
}

struct Inner {
    queue: MemoryQueue,
    /// Those who wait for the end of a job. A job that ends takes its entry along, so that there
    /// are never more than jobs.
    waiting: HashMap<JobId, Arc<Notify>>,
}

impl Shell {
    pub(super) fn new(queue: MemoryQueue, clock: Clock) -> Self {
        let inner = Mutex::new(Inner { queue, waiting: HashMap::new() });
        Self { inner, ready: Notify::new(), clock }
    }

    pub(super) fn set_options(&self, options: QueueOptions) {
        self.with(|queue, _| queue.set_options(options));
    }

    /// Whether there is nothing in it that anybody would miss.
    pub(super) fn is_unused(&self) -> bool {
        self.with(|queue, now| queue.depth(now)).is_unused()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No operation of the core leaves it half changed, so that it is usable after a panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the queue and tells whoever waits for what came of it.
    fn with<R>(&self, operation: impl FnOnce(&mut MemoryQueue, Now) -> R) -> R {
        self.with_inner(|inner, now| operation(&mut inner.queue, now))
    }

    fn with_inner<R>(&self, operation: impl FnOnce(&mut Inner, Now) -> R) -> R {
        let now = Now { instant: Instant::now(), unix_ms: self.clock.unix_ms() };
        let mut inner = self.lock();
        let wake_before = inner.queue.next_wake();
        let result = operation(&mut inner, now);
        let wake = inner.queue.next_wake();
        let is_sooner = wake.is_some_and(|wake| wake_before.is_none_or(|before| wake < before));
        let tell_consumers = is_sooner || inner.queue.has_ready();
        let Inner { queue, waiting } = &mut *inner;
        let mut told: Vec<Arc<Notify>> = Vec::new();
        for id in queue.drain_over() {
            if !waiting.is_empty() {
                told.extend(waiting.remove(&id));
            }
        }
        drop(inner);
        if tell_consumers {
            self.ready.notify_waiters();
        }
        told.iter().for_each(|waiting| waiting.notify_waiters());
        result
    }

    async fn next_leases(&self, consumer: &str, max: usize) -> Vec<Lease> {
        loop {
            // Made before the look at the queue: a change in between is not missed.
            let ready = self.ready.notified();
            let (leases, wake) =
                self.with(|queue, now| (queue.lease(consumer, max, now), queue.next_wake()));
            if !leases.is_empty() {
                return leases;
            }
            until(ready, wake).await;
        }
    }

    async fn end(&self, job: JobId) -> Option<JobStatus> {
        loop {
            let (status, over, expiry) = self.with_inner(|inner, now| {
                let status = inner.queue.status(job, now);
                let over = match is_over(&status) {
                    true => None,
                    false => Some(inner.waiting.entry(job).or_default().clone()),
                };
                (status, over, inner.queue.next_expiry())
            });
            let Some(over) = over else { return status };
            let over = over.notified();
            // It may have ended before it was waited for.
            if !is_over(&self.with(|queue, now| queue.status(job, now))) {
                // A lease may end while nobody else looks.
                until(over, expiry).await;
            }
        }
    }
}

fn is_over(status: &Option<JobStatus>) -> bool {
    status.as_ref().is_none_or(JobStatus::is_final)
}

async fn until(told: impl Future<Output = ()>, wake: Option<Instant>) {
    match wake {
        None => told.await,
        Some(wake) => tokio::select! {
            biased;
            () = told => {}
            () = sleep_until(wake) => {}
        },
    }
}

/// A future that is ready, and does its work when it is first polled.
fn now<'a, R: Send + 'a>(work: impl FnOnce() -> R + Send + 'a) -> BoxFuture<'a, R> {
    Box::pin(async move { work() })
}

impl Queue for Shell {
    fn enqueue(&self, jobs: Vec<NewJob>) -> BoxFuture<'_, Vec<Result<Enqueued, EnqueueError>>> {
        now(|| {
            self.with(|queue, now| jobs.into_iter().map(|job| queue.enqueue(job, now)).collect())
        })
    }

    fn enqueue_one(
        &self,
        job: NewJob,
        _: Instant,
    ) -> BoxFuture<'_, Result<Enqueued, EnqueueError>> {
        now(|| self.with(|queue, now| queue.enqueue(job, now)))
    }

    fn enqueue_due(
        &self,
        due_unix_ms: u64,
        job: NewJob,
    ) -> BoxFuture<'_, Result<bool, EnqueueError>> {
        now(move || self.with(|queue, now| queue.enqueue_due(due_unix_ms, job, now)))
    }

    fn last_due(&self) -> BoxFuture<'_, Result<Option<u64>, Unavailable>> {
        now(|| Ok(self.lock().queue.last_due()))
    }

    fn lease<'a>(&'a self, consumer: &'a str, max: usize) -> BoxFuture<'a, Vec<Lease>> {
        Box::pin(self.next_leases(consumer, max))
    }

    /// A lease is taken and given in one step: a dropped one took nothing.
    fn handed_back(&self) -> BoxFuture<'_, ()> {
        now(|| ())
    }

    fn renew<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>> {
        now(|| self.with(|queue, now| tokens.iter().map(|t| queue.renew(*t, now)).collect()))
    }

    fn finish(
        &self,
        token: LeaseToken,
        end: JobEnd,
    ) -> BoxFuture<'_, Result<Finished, FinishError>> {
        now(move || self.with(|queue, now| queue.finish(token, end, now)))
    }

    fn release<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>> {
        now(|| self.with(|queue, now| tokens.iter().map(|t| queue.release(*t, now)).collect()))
    }

    fn status(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>> {
        now(move || Ok(self.with(|queue, now| queue.status(job, now))))
    }

    fn wait(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>> {
        Box::pin(async move { Ok(self.end(job).await) })
    }

    fn cancel(&self, job: JobId) -> BoxFuture<'_, Result<Canceled, Unavailable>> {
        now(move || Ok(self.with(|queue, now| queue.cancel(job, now))))
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, Unavailable>> {
        now(|| Ok(self.with(|queue, now| queue.depth(now))))
    }

    fn peek(
        &self,
        section: Section,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JobSummary>, Unavailable>> {
        now(move || Ok(self.with(|queue, now| queue.peek(section, after, limit, now))))
    }

    fn dead_letter(&self, job: JobId) -> BoxFuture<'_, Result<Option<DeadLetter>, Unavailable>> {
        now(move || Ok(self.with(|queue, now| queue.dead_letter(job, now))))
    }

    fn retry_dead(
        &self,
        job: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<usize, Unavailable>> {
        now(move || Ok(self.with(|queue, now| queue.retry_dead(job, limit, now))))
    }

    fn bury(&self, note: &str, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>> {
        // The trait ties the note to another life than the queue: it is taken along.
        let note = note.to_owned();
        now(move || Ok(self.with(|queue, now| queue.bury(&note, limit, now))))
    }

    fn purge(&self, section: Section, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>> {
        now(move || Ok(self.with(|queue, now| queue.purge(section, limit, now))))
    }

    fn set_paused(&self, paused: bool) -> BoxFuture<'_, Result<(), Unavailable>> {
        now(move || {
            self.with(|queue, _| queue.set_paused(paused));
            Ok(())
        })
    }
}
