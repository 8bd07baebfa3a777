//! One queue in the store.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use redis::Value;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::batch::{Inbox, cut};
use super::bell::{Bell, Ring};
use super::codec::{Names, decode_next};
use super::enqueue::{Enqueuer, refused};
use super::finish::{Ending, Finisher, unavailable};
use super::io::Io;
use super::lease::{Ask, Reply, Taken, Waiter, Withdrawn};
use super::script::Script;
use super::site::{Call, Site};
use super::store::{CALL_TIMEOUT, CallError, Store};
use crate::backend::Queue;
use crate::backoff;
use crate::error::{EnqueueError, FinishError, Unavailable};
use crate::job::{DeadLetter, Enqueued, Finished, JobEnd, Lease, LeaseToken, NewJob};
use crate::limits::LEASE_JOBS_MAX;
use crate::options::QueueOptions;
use crate::status::{Canceled, JobStatus, JobSummary, QueueDepth, Section};

/// What the parts of a queue share.
pub(super) struct Core {
    pub(super) store: Arc<Store>,
    pub(super) site: Site,
    pub(super) options: QueueOptions,
    pub(super) withdrawn: Withdrawn,
}

impl Core {
    pub(super) fn new(store: Arc<Store>, site: Site, options: QueueOptions) -> Self {
        Self { store, site, options, withdrawn: Withdrawn::default() }
    }

    /// Calls a script that is safe to send again.
    pub(super) async fn call(
        &self,
        script: &Script,
        arguments: &[Bytes],
        until: Instant,
    ) -> Result<Value, CallError> {
        let Self { site, options, .. } = self;
        self.store.call(&Call { site, options, script, arguments }, until).await
    }

    /// Calls a script that is not sent again when it may have been done.
    pub(super) async fn call_once(
        &self,
        script: &Script,
        arguments: &[Bytes],
        until: Instant,
    ) -> Result<Value, CallError> {
        let Self { site, options, .. } = self;
        let call = Call { site, options, script, arguments };
        self.store.call_once(&call, until).await
    }
}

/// A queue in Redis.
pub(super) struct RedisQueue {
    pub(super) core: Arc<Core>,
    pub(super) io: Arc<Io>,
    bell: Arc<Bell>,
    /// Listened to from the first call that waits.
    ring: OnceLock<Arc<Ring>>,
    enqueuer: Arc<Enqueuer>,
    enqueues: Inbox<Enqueuer>,
    finishes: Inbox<Finisher>,
    random: Random,
}

impl RedisQueue {
    pub(super) fn new(
        io: Arc<Io>,
        store: Arc<Store>,
        bell: Arc<Bell>,
        site: Site,
        options: QueueOptions,
        random: Random,
    ) -> Self {
        let core = Arc::new(Core::new(store, site, options));
        let enqueuer = Arc::new(Enqueuer::new(core.clone()));
        let (enqueues, enqueuing) = Inbox::new(enqueuer.clone());
        let (finishes, finishing) = Inbox::new(Arc::new(Finisher::new(core.clone())));
        io.spawn(enqueuing);
        io.spawn(finishing);
        let ring = OnceLock::new();
        Self { core, io, bell, ring, enqueuer, enqueues, finishes, random }
    }

    pub(super) fn ring(&self) -> &Arc<Ring> {
        self.ring.get_or_init(|| self.bell.ring(self.core.site.channel()))
    }

    /// Runs a call on the thread that talks with the store.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, CallError>> + Send + 'static,
    ) -> Result<T, Unavailable> {
        match self.io.run(work).await {
            Some(Ok(result)) => Ok(result),
            Some(Err(error)) => Err(Unavailable { message: error.message }),
            None => Err(Unavailable { message: "the queues were closed".to_owned() }),
        }
    }

    async fn store_all(
        &self,
        jobs: Vec<NewJob>,
        until: Option<Instant>,
    ) -> Vec<Result<Enqueued, EnqueueError>> {
        let mut results = Vec::with_capacity(jobs.len());
        let mut prepared = Vec::with_capacity(jobs.len());
        for job in &jobs {
            match Enqueuer::prepare(&self.core, job) {
                Ok(job) => {
                    prepared.push(job);
                    results.push(None);
                }
                Err(error) => results.push(Some(Err(error))),
            }
        }
        let mut stored = Vec::with_capacity(prepared.len());
        for part in cut::<Enqueuer>(prepared) {
            stored.extend(match until {
                Some(until) => self.enqueues.send_until(part, until).await,
                None => self.enqueues.send(part).await,
            });
        }
        let mut stored = stored.into_iter();
        let none = || Err(refused(super::answer::strange()));
        results.into_iter().map(|r| r.or_else(|| stored.next()).unwrap_or_else(none)).collect()
    }

    async fn store_one(&self, job: NewJob, until: Instant) -> Result<Enqueued, EnqueueError> {
        let prepared = Enqueuer::prepare(&self.core, &job)?;
        self.enqueues.send_one_until(prepared, until).await
    }

    async fn store_due(&self, due_unix_ms: u64, job: NewJob) -> Result<bool, EnqueueError> {
        let prepared = Enqueuer::prepare(&self.core, &job)?;
        let enqueuer = self.enqueuer.clone();
        let until = Instant::now() + CALL_TIMEOUT;
        let work = async move { enqueuer.store_due(due_unix_ms, prepared, until).await };
        let closed = || Err(refused(super::answer::strange()));
        let stored = self.io.run(work).await.unwrap_or_else(closed)?;
        Ok(stored.is_some_and(|stored| !stored.is_duplicate))
    }

    async fn next_leases(&self, consumer: &str, max: usize) -> Vec<Lease> {
        // A blank would end the name of the consumer in a record too early.
        let consumer = consumer.replace(char::is_whitespace, "_");
        let max = max.clamp(1, LEASE_JOBS_MAX);
        loop {
            let (answer, answered) = oneshot::channel();
            let (over, taking) = watch::channel(());
            let waiter = Waiter::new(self.core.clone(), taking);
            let ask = Ask {
                core: self.core.clone(),
                ring: self.ring().clone(),
                io: Arc::downgrade(&self.io),
                name: format!("{:016x}", u64::from_be_bytes(self.random.bytes())),
                consumer: consumer.clone(),
                max,
            };
            self.io.spawn(ask.take(Reply { answer, over }));
            let Ok(handover) = answered.await else {
                // The thread ended: there is nothing to wait for any more.
                return std::future::pending().await;
            };
            waiter.served();
            // Nothing is waited for from here on: what was accepted gets to the caller.
            let mut leases = Vec::new();
            let mut names = Names::default();
            for taken in handover.accept() {
                match self.read(&taken, &mut names) {
                    Some(lease) => leases.push(lease),
                    None => self.refuse(taken.token),
                }
            }
            if !leases.is_empty() {
                return leases;
            }
        }
    }

    fn read(&self, taken: &Taken, names: &mut Names) -> Option<Lease> {
        let job = decode_next(&taken.blob, names)?;
        Some(Lease {
            id: taken.token.id,
            attempt: taken.token.attempt,
            is_last: taken.attempts >= job.attempts.unwrap_or(self.core.options.attempts),
            enqueued_unix_ms: taken.enqueued_unix_ms,
            run_timeout: job.run_timeout.unwrap_or(self.core.options.run_timeout),
            job,
        })
    }

    /// Gives up a job whose bytes mean nothing to this version.
    fn refuse(&self, token: LeaseToken) {
        log::warn!("{}: job {} is not readable and is put aside", self.core.site.name(), token.id);
        let error = "the stored job is not readable".to_owned();
        let ending = Ending::new(token, JobEnd::Fail { error }, || Duration::ZERO);
        let finishes = self.finishes.clone();
        self.io.spawn(async move {
            // If it cannot be said now, its lease ends, and it comes again.
            let _ = finishes.send_one(ending).await;
        });
    }

    async fn end(&self, token: LeaseToken, end: JobEnd) -> Result<Finished, FinishError> {
        // The number of the run stands for how often it failed: it is close, and known here.
        let delay = || backoff::delay(self.core.options.backoff, token.attempt, &self.random);
        let ending = Ending::new(token, end, delay);
        self.finishes.send_one(ending).await
    }

    async fn hold(
        &self,
        what: &'static str,
        tokens: &[LeaseToken],
    ) -> Vec<Result<(), FinishError>> {
        let core = self.core.clone();
        let owned = tokens.to_vec();
        let held = self.io.run(async move { core.hold(what, &owned).await }).await;
        let closed = || Err(unavailable(super::answer::strange()));
        held.unwrap_or_else(|| tokens.iter().map(|_| closed()).collect())
    }
}

impl Queue for RedisQueue {
    fn enqueue(&self, jobs: Vec<NewJob>) -> BoxFuture<'_, Vec<Result<Enqueued, EnqueueError>>> {
        Box::pin(self.store_all(jobs, None))
    }

    fn enqueue_until(
        &self,
        jobs: Vec<NewJob>,
        until: Instant,
    ) -> BoxFuture<'_, Vec<Result<Enqueued, EnqueueError>>> {
        Box::pin(self.store_all(jobs, Some(until)))
    }

    fn enqueue_one(
        &self,
        job: NewJob,
        until: Instant,
    ) -> BoxFuture<'_, Result<Enqueued, EnqueueError>> {
        Box::pin(self.store_one(job, until))
    }

    fn enqueue_due(
        &self,
        due_unix_ms: u64,
        job: NewJob,
    ) -> BoxFuture<'_, Result<bool, EnqueueError>> {
        Box::pin(self.store_due(due_unix_ms, job))
    }

    fn last_due(&self) -> BoxFuture<'_, Result<Option<u64>, Unavailable>> {
        Box::pin(self.newest_due())
    }

    fn lease<'a>(&'a self, consumer: &'a str, max: usize) -> BoxFuture<'a, Vec<Lease>> {
        Box::pin(self.next_leases(consumer, max))
    }

    fn handed_back(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.core.withdrawn.over())
    }

    fn renew<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>> {
        Box::pin(self.hold("renew", tokens))
    }

    fn finish(
        &self,
        token: LeaseToken,
        end: JobEnd,
    ) -> BoxFuture<'_, Result<Finished, FinishError>> {
        Box::pin(self.end(token, end))
    }

    fn release<'a>(
        &'a self,
        tokens: &'a [LeaseToken],
    ) -> BoxFuture<'a, Vec<Result<(), FinishError>>> {
        Box::pin(self.hold("release", tokens))
    }

    fn status(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>> {
        Box::pin(self.look_at(job, false))
    }

    fn wait(&self, job: JobId) -> BoxFuture<'_, Result<Option<JobStatus>, Unavailable>> {
        Box::pin(self.end_of(job))
    }

    fn cancel(&self, job: JobId) -> BoxFuture<'_, Result<Canceled, Unavailable>> {
        Box::pin(self.take_away(job))
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, Unavailable>> {
        Box::pin(self.measure())
    }

    fn peek(
        &self,
        section: Section,
        after: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JobSummary>, Unavailable>> {
        Box::pin(self.page(section, after, limit))
    }

    fn dead_letter(&self, job: JobId) -> BoxFuture<'_, Result<Option<DeadLetter>, Unavailable>> {
        Box::pin(self.letter(job))
    }

    fn retry_dead(
        &self,
        job: Option<JobId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<usize, Unavailable>> {
        let which = job.map_or(Bytes::new(), |job| Bytes::copy_from_slice(&job.0));
        Box::pin(self.repair("retry", which, limit))
    }

    fn bury(&self, note: &str, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>> {
        let note = crate::size::cut_text(note).to_owned();
        Box::pin(self.repair("bury", note.into(), limit))
    }

    fn purge(&self, section: Section, limit: usize) -> BoxFuture<'_, Result<usize, Unavailable>> {
        let section = super::look::section_name(section);
        Box::pin(self.repair("purge", Bytes::from_static(section.as_bytes()), limit))
    }

    fn set_paused(&self, paused: bool) -> BoxFuture<'_, Result<(), Unavailable>> {
        Box::pin(self.pause(paused))
    }
}
