//! Queued calls: the answer is a receipt, given only when the job is stored. A queue that is shared
//! is written to from here, whether or not an instance of the callee is up; one that lives in the
//! callee's process is reached by a balanced call.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshwork_queue::{Enqueued, NewJob, QueueName};
use meshwork_schema::CommandSchema;
use meshwork_shared::ids::JobId;
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::{CallError, NotExecuted};
use meshwork_shared::protocol::MemberKey;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::attempts::Attempts;
use super::metered::Metered;
use super::options::CallOptions;
use super::{Asking, Outgoing, decode};
use crate::jobs::options::{JobOptions, job_options};
use crate::jobs::store::{kept_trace, store_one};
use crate::jobs::wire::{EnqueueHead, write};
use crate::routes::Track;
use crate::worker::Worker;

/// Proof that a job is stored. [`Worker::job`] asks with it what became of the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The job: the new one, or with `dedupe` the one that was there before.
    pub job: JobId,
    /// The queue that holds it.
    pub queue: QueueName,
    /// The instance that it is for, if it is for one: that of a broadcast, or the one whose process
    /// keeps the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<MemberKey>,
    /// Whether the job was stored before, under its id or its dedupe key.
    #[serde(default)]
    pub is_duplicate: bool,
}

impl Receipt {
    /// The receipt of what `queue` stored.
    pub(crate) fn new(stored: Enqueued, queue: QueueName, instance: Option<MemberKey>) -> Self {
        let Enqueued { id: job, is_duplicate } = stored;
        Self { job, queue, instance, is_duplicate }
    }
}

/// A command that may be enqueued.
#[derive(Clone)]
pub(crate) struct Checked {
    /// As the schema has it.
    pub(crate) command: Arc<CommandSchema>,
    /// The queue that all instances share, if it is balanced.
    pub(crate) queue: QueueName,
    /// When the caller stops waiting.
    pub(crate) deadline: Instant,
    track: Arc<Track>,
}

/// What all enqueueing has in common.
pub(crate) struct Storing<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) callee: &'a str,
    pub(crate) command: &'a str,
    pub(crate) call: CallOptions,
    pub(crate) job: JobOptions,
}

impl<'a> Storing<'a> {
    pub(crate) fn new(worker: &'a Worker, callee: &'a str, command: &'a str) -> Self {
        let (call, job) = (CallOptions::default(), JobOptions::default());
        Self { worker, callee, command, call, job }
    }

    /// What there is to know before anything is stored.
    pub(crate) fn check(&self, asking: Asking) -> Result<Checked, CallError> {
        self.job.check().map_err(CallError::not_executed)?;
        let call = self.outgoing(asking, Body::empty());
        let routes = self.worker.inner().routes.load();
        let route = call.route(&routes).map_err(CallError::not_executed);
        let route = route.inspect_err(|error| call.tell(error))?;
        let deadline = call.deadline(route, Instant::now());
        let (command, queue, track) =
            (route.schema.clone(), route.queue.clone(), route.track().clone());
        Ok(Checked { command, queue, deadline, track })
    }

    /// A job with these arguments and options, for a queue that is shared; what counts and follows
    /// it until it is stored.
    pub(crate) fn new_job(
        &self,
        checked: &Checked,
        body: Body,
        options: &JobOptions,
    ) -> (NewJob, Metered) {
        let me = self.worker.identity();
        let id = options.id.unwrap_or_else(|| self.worker.inner().jobs.new_id());
        let job = options.apply(NewJob::new(id, me.worker, me.variant, body.codec, body.bytes));
        let metered = Metered::enqueue(&checked.track, Instant::now(), self.worker.trace());
        (NewJob { trace: metered.trace().map(kept_trace), ..job }, metered)
    }

    /// The same as a message to the instance that keeps the queue.
    pub(crate) fn message(&self, body: &Body, options: &JobOptions) -> Result<Body, NotExecuted> {
        write(&EnqueueHead::new(self.command, body.codec, options), &body.bytes)
    }

    fn outgoing(&self, asking: Asking, body: Body) -> Outgoing<'_> {
        let (worker, options) = (self.worker, self.call.clone());
        Outgoing { worker, callee: self.callee, command: self.command, asking, body, options }
    }

    /// Stores one job at an instance's process.
    pub(super) async fn store_there(
        &self,
        body: &Body,
        mut options: JobOptions,
        deadline: Instant,
    ) -> Result<Receipt, CallError> {
        // Drawn here, so that one that goes to another instance after all is the same job.
        options.id.get_or_insert_with(|| self.worker.inner().jobs.new_id());
        let body = self.message(body, &options).map_err(CallError::not_executed)?;
        let outgoing = |body| self.outgoing(Asking::Enqueue, body);
        Attempts::new(Ok(body), decode, outgoing).until(deadline).await
    }
}

/// A queued call that is being put together; `.await` stores it.
#[must_use = "nothing is enqueued until it is awaited"]
pub struct Enqueue<'a> {
    pub(crate) storing: Storing<'a>,
    pub(crate) body: Result<Body, NotExecuted>,
}

impl Enqueue<'_> {
    /// Waits for the receipt at most this long, instead of the command's `timeout`.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.storing.call.deadline = Some(deadline);
        self
    }

    /// Gives the job this id instead of a new one. The same id enqueued again is the same job, also
    /// for a while after it is done: that makes it safe to repeat an enqueue of unknown outcome.
    /// (Where queues live in the processes of the callee, only at the same instance.)
    pub fn id(mut self, id: JobId) -> Self {
        self.storing.job.id = Some(id);
        self
    }

    job_options!(storing.job);

    async fn run(self) -> Result<Receipt, CallError> {
        let Self { storing, body } = self;
        let body = body.map_err(CallError::not_executed)?;
        let checked = storing.check(Asking::Enqueue)?;
        if storing.worker.inner().jobs.is_in_process() {
            return storing.store_there(&body, storing.job.clone(), checked.deadline).await;
        }
        let (job, metered) = storing.new_job(&checked, body, &storing.job);
        let Checked { command, queue, deadline, .. } = checked;
        let stored = store_one(storing.worker, &queue, &command, job, deadline).await;
        metered.end(&stored, Some(Instant::now()));
        Ok(Receipt::new(stored?, queue, None))
    }
}

impl<'a> IntoFuture for Enqueue<'a> {
    type Output = Result<Receipt, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Bytes as they are, as arguments.
pub(crate) fn raw(bytes: impl Into<Bytes>) -> Result<Body, NotExecuted> {
    Ok(Body::raw(bytes))
}
