//! A store that the whole mesh shares, and that a test can take away: the memory backend, passed
//! off as one of another process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use meshwork_queue::{
    Canceled, DeadLetter, EnqueueError, Enqueued, FinishError, Finished, JobEnd, JobStatus,
    JobSummary, Lease, LeaseToken, MemoryBackend, NewJob, Queue, QueueBackend, QueueDepth,
    QueueName, QueueOptions, Scope, Section, Unavailable,
};
use meshwork_shared::clock::Clock;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use tokio::sync::Notify;

pub(crate) struct Store {
    inner: MemoryBackend,
    faults: Arc<Faults>,
}

/// What goes wrong at the moment.
#[derive(Default)]
pub(crate) struct Faults {
    /// Nothing gets through.
    away: AtomicBool,
    /// So many ends are taken, and their answers lost.
    deaf: AtomicUsize,
    /// So many enqueues are taken, and their answers never come.
    silent: AtomicUsize,
    /// Leases come late, and what nobody waits for any more is handed back late.
    late: AtomicBool,
    /// Leases that are being handed back.
    returning: AtomicUsize,
    back: Notify,
}

impl Faults {
    fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    fn take(counter: &AtomicUsize) -> bool {
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

impl Store {
    pub(crate) fn new() -> Arc<Self> {
        let inner = MemoryBackend::new(Random::system(), Clock::system());
        Arc::new(Self { inner, faults: Arc::default() })
    }

    /// Takes the store away, or brings it back.
    pub(crate) fn set_away(&self, away: bool) {
        self.faults.away.store(away, Ordering::SeqCst);
        self.faults.back.notify_waiters();
    }

    /// The next ends of runs are taken, but their answers are lost.
    pub(crate) fn lose_answers(&self, count: usize) {
        self.faults.deaf.store(count, Ordering::SeqCst);
    }

    /// The next enqueues are taken, but nobody hears of it.
    pub(crate) fn fall_silent(&self, count: usize) {
        self.faults.silent.store(count, Ordering::SeqCst);
    }

    /// Leases come so late that whoever asked may be gone.
    pub(crate) fn lease_late(&self) {
        self.faults.late.store(true, Ordering::SeqCst);
    }

    /// The queue of a command of `press`, as it is.
    pub(crate) fn queue(&self, command: &str) -> Arc<dyn Queue> {
        self.inner.open(name(command, None), QueueOptions::default())
    }

    /// The queue of one instance.
    pub(crate) fn queue_of(&self, command: &str, variant: &str) -> Arc<dyn Queue> {
        self.inner.open(name(command, Some(variant)), QueueOptions::default())
    }
}

pub(crate) fn name(command: &str, variant: Option<&str>) -> QueueName {
    let variant = variant.map(|variant| variant.parse().unwrap());
    QueueName { worker: "press".parse().unwrap(), command: command.parse().unwrap(), variant }
}

impl QueueBackend for Store {
    fn scope(&self) -> Scope {
        Scope::Mesh
    }

    fn open(&self, name: QueueName, options: QueueOptions) -> Arc<dyn Queue> {
        let inner = self.inner.open(name, options);
        Arc::new(Flaky { inner, faults: self.faults.clone() })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        self.inner.list()
    }

    fn list_empty(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        self.inner.list_empty()
    }

    fn forget<'a>(&'a self, name: &'a QueueName) -> BoxFuture<'a, Result<bool, Unavailable>> {
        self.inner.forget(name)
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>> {
        std::future::ready(Ok(Vec::new())).boxed()
    }
}

/// How late leases come: who asked for one has left by then, if the test wants that.
const LATE: Duration = Duration::from_secs(3);

/// How late those go back that nobody waits for any more.
const BACK_LATE: Duration = Duration::from_millis(300);

/// Leases on their way; dropped there, they are handed back after a while.
struct OnTheWay {
    inner: Arc<dyn Queue>,
    faults: Arc<Faults>,
    leases: Vec<Lease>,
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        if self.leases.is_empty() {
            return;
        }
        let tokens: Vec<_> = self.leases.iter().map(Lease::token).collect();
        let (inner, faults) = (self.inner.clone(), self.faults.clone());
        faults.returning.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            tokio::time::sleep(BACK_LATE).await;
            inner.release(&tokens).await;
            faults.returning.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// A queue that is reached through the faults.
struct Flaky {
    inner: Arc<dyn Queue>,
    faults: Arc<Faults>,
}

fn away<T>() -> BoxFuture<'static, Result<T, Unavailable>>
where
    T: Send + 'static,
{
    std::future::ready(Err(Unavailable { message: "it is away".to_owned() })).boxed()
}

fn lost() -> FinishError {
    FinishError::Unavailable { message: "it is away".to_owned() }
}

impl Queue for Flaky {
    fn enqueue(&self, jobs: Vec<NewJob>) -> BoxFuture<'_, Vec<Result<Enqueued, EnqueueError>>> {
        if self.faults.is_away() {
            let message = "it is away".to_owned();
            let refused = Err(EnqueueError::Unavailable { message });
            return std::future::ready(vec![refused; jobs.len()]).boxed();
        }
        if Faults::take(&self.faults.silent) {
            return async move {
                self.inner.enqueue(jobs).await;
                pending().await
            }
            .boxed();
        }
        self.inner.enqueue(jobs)
    }

    fn enqueue_due(&self, due: u64, job: NewJob) -> BoxFuture<'_, Result<bool, EnqueueError>> {
        self.inner.enqueue_due(due, job)
    }

    fn last_due(&self) -> BoxFuture<'_, Result<Option<u64>, Unavailable>> {
        if self.faults.is_away() { away() } else { self.inner.last_due() }
    }

    fn lease<'a>(&'a self, consumer: &'a str, max: usize) -> BoxFuture<'a, Vec<Lease>> {
        async move {
            loop {
                let back = self.faults.back.notified();
                if self.faults.is_away() {
                    back.await;
                    continue;
                }
                tokio::select! {
                    leases = self.inner.lease(consumer, max) => {
                        if !self.faults.late.load(Ordering::SeqCst) {
                            return leases;
                        }
                        let (inner, faults) = (self.inner.clone(), self.faults.clone());
                        let mut on_the_way = OnTheWay { inner, faults, leases };
                        tokio::time::sleep(LATE).await;
                        return std::mem::take(&mut on_the_way.leases);
                    }
                    () = back => {}
                }
            }
        }
        .boxed()
    }

    fn handed_back(&self) -> BoxFuture<'_, ()> {
        async move {
            while self.faults.returning.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        .boxed()
    }

    fn renew<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>> {
        if self.faults.is_away() {
            return std::future::ready(vec![Err(lost()); tokens.len()]).boxed();
        }
        self.inner.renew(tokens)
    }

    fn finish(
        &self,
        token: LeaseToken,
        end: JobEnd,
    ) -> BoxFuture<'_, Result<Finished, FinishError>> {
        if self.faults.is_away() {
            return std::future::ready(Err(lost())).boxed();
        }
        async move {
            let finished = self.inner.finish(token, end).await;
            if Faults::take(&self.faults.deaf) { Err(lost()) } else { finished }
        }
        .boxed()
    }

    fn release<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>> {
        self.inner.release(tokens)
    }

    fn status(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>> {
        if self.faults.is_away() { away() } else { self.inner.status(job) }
    }

    fn wait(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>> {
        if self.faults.is_away() { away() } else { self.inner.wait(job) }
    }

    fn cancel(&self, job: JobId) -> BoxFuture<'_, Result<Canceled, Unavailable>> {
        if self.faults.is_away() { away() } else { self.inner.cancel(job) }
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, Unavailable>> {
        if self.faults.is_away() { away() } else { self.inner.depth() }
    }

    fn peek(
        &self,
        section: Section,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JobSummary>, Unavailable>> {
        self.inner.peek(section, after, limit)
    }

    fn dead_letter(&self, job: JobId) -> BoxFuture<'_, Result<Option<DeadLetter>, Unavailable>> {
        self.inner.dead_letter(job)
    }

    fn retry_dead(
        &self,
        job: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<usize, Unavailable>> {
        self.inner.retry_dead(job, limit)
    }

    fn bury(&self, note: &str, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>> {
        self.inner.bury(note, limit)
    }

    fn purge(&self, section: Section, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>> {
        self.inner.purge(section, limit)
    }

    fn set_paused(&self, paused: bool) -> BoxFuture<'_, Result<(), Unavailable>> {
        self.inner.set_paused(paused)
    }
}
