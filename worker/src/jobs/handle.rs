//! Asking about a job: what became of it, what it answered, and taking it away.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use meshwork_queue::{Canceled, JobStatus, QueueName, Unavailable};
use meshwork_schema::CommandSchema;
use meshwork_shared::ids::JobId;
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::message::{Body, CommandRef, Request};
use meshwork_shared::outcome::{CallError, NotExecuted, UnknownCause};
use meshwork_shared::protocol::MemberKey;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use super::limits::{ASK_WITHIN, WAIT_ROUND};
use super::sealing;
use super::wire::{Ask, JOB, Question, Told, read_answer, write};
use crate::call::enqueue::Receipt;
use crate::worker::Worker;

/// Why nothing, or nothing good, can be said of a job.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum JobError {
    /// Nothing is known of it: it was never stored, or is over for so long that it is forgotten.
    #[error("nothing is known of this job")]
    NotFound,
    /// It failed for good, and is a dead letter.
    #[error("the job is dead: {error}")]
    Dead {
        /// The last error.
        error: String,
    },
    /// It was canceled before it ran.
    #[error("the job was canceled")]
    Canceled,
    /// The deadline passed before the answer came. The job goes on.
    #[error("the deadline passed; the job goes on")]
    Deadline,
    /// The store of the queue did not answer. Safe to retry.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The instance that keeps the job could not be asked, or the schema does not let this worker
    /// ask. Says nothing of the job itself.
    #[error("it could not be asked: {0}")]
    NotAsked(CallError),
    /// It is done, and what it answered cannot be read.
    #[error("the reply cannot be read: {message}")]
    BadReply {
        /// What the decoder said.
        message: String,
    },
}

/// Which job: an id, or a receipt, which also says where the job is kept.
#[derive(Clone, Debug)]
pub struct JobRef {
    job: JobId,
    queue: Option<QueueName>,
    instance: Option<MemberKey>,
}

impl From<JobId> for JobRef {
    fn from(job: JobId) -> Self {
        Self { job, queue: None, instance: None }
    }
}

impl From<Receipt> for JobRef {
    fn from(receipt: Receipt) -> Self {
        let Receipt { job, queue, instance, .. } = receipt;
        Self { job, queue: Some(queue), instance }
    }
}

impl From<&Receipt> for JobRef {
    fn from(receipt: &Receipt) -> Self {
        receipt.clone().into()
    }
}

/// One job, to be asked about. `.await` waits for what it answers.
///
/// ```no_run
/// # use meshwork_worker::{Command, Worker};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Render { page: u32 }
/// # impl Command for Render {
/// #     const WORKER: &'static str = "renderer";
/// #     const NAME: &'static str = "render";
/// #     type Reply = String;
/// # }
/// # async fn example(worker: Worker) -> Result<(), Box<dyn std::error::Error>> {
/// let receipt = worker.enqueue(Render { page: 1 }).await?;
/// let address: String = worker.job::<Render>(&receipt).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct JobHandle<R> {
    worker: Worker,
    job: JobId,
    queue: Result<QueueName, NotExecuted>,
    instance: Option<MemberKey>,
    deadline: Option<Duration>,
    reply: PhantomData<fn() -> R>,
}

impl<R> JobHandle<R> {
    pub(crate) fn new(worker: &Worker, callee: &str, command: &str, job: JobRef) -> Self {
        let named = callee.parse().ok().zip(command.parse().ok());
        let named = named.map(|(worker, command)| QueueName::balanced(worker, command));
        let queue = match (job.queue, named) {
            // A receipt of another command: its reply would be read as what it is not.
            (Some(queue), Some(named))
                if queue.worker != named.worker || queue.command != named.command =>
            {
                None
            }
            (Some(queue), _) => Some(queue),
            (None, named) => named,
        };
        Self {
            worker: worker.clone(),
            job: job.job,
            queue: queue.ok_or(NotExecuted::NoSuchCommand),
            instance: job.instance,
            deadline: None,
            reply: PhantomData,
        }
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        self.job
    }

    /// Waits for answers at most this long. Unset: 10 s for a question, and however long it takes
    /// for the end of the job.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// What became of the job; `None` when nothing is known of it (never stored, or forgotten).
    ///
    /// # Errors
    /// [`JobError`]; never `Dead`, `Canceled` or `NotFound`, which are answers here.
    pub async fn status(&self) -> Result<Option<JobStatus>, JobError> {
        match self.ask(Ask::Status, self.until(Some(ASK_WITHIN))).await? {
            Told::Status(status) => status.map(|status| self.open(status)).transpose(),
            Told::Canceled(_) => Err(beside_the_point()),
        }
    }

    /// Takes the job away unless it runs at the moment.
    ///
    /// # Errors
    /// [`JobError`]: it may or may not have been taken away. Safe to retry.
    pub async fn cancel(&self) -> Result<Canceled, JobError> {
        match self.ask(Ask::Cancel, self.until(Some(ASK_WITHIN))).await? {
            Told::Canceled(canceled) => Ok(canceled),
            Told::Status(None) => Ok(Canceled::Over),
            Told::Status(Some(_)) => Err(beside_the_point()),
        }
    }

    /// When to stop waiting; `None`: never.
    fn until(&self, default: Option<Duration>) -> Option<Instant> {
        let own = self.deadline.or(default).map(|within| Instant::now() + within);
        own.into_iter().chain(self.worker.inherited_deadline()).min()
    }

    fn open(&self, status: JobStatus) -> Result<JobStatus, JobError> {
        let JobStatus::Done { reply: Some(reply) } = status else { return Ok(status) };
        let queue = self.queue.clone().map_err(not_asked)?;
        let reply = sealing::open_reply(&self.worker, &queue, self.job, reply);
        let reply = reply.map_err(|error| JobError::BadReply { message: error.to_string() })?;
        Ok(JobStatus::Done { reply: Some(reply) })
    }

    async fn ask(&self, ask: Ask, until: Option<Instant>) -> Result<Told, JobError> {
        let asked = self.ask_somebody(ask, until);
        match until {
            Some(until) => timeout_at(until, asked).await.unwrap_or(Err(JobError::Deadline)),
            None => asked.await,
        }
    }

    async fn ask_somebody(&self, ask: Ask, until: Option<Instant>) -> Result<Told, JobError> {
        let name = self.queue.clone().map_err(not_asked)?;
        let command = self.allowed(&name).map_err(not_asked)?;
        let inner = self.worker.inner();
        let is_ours =
            self.instance.as_ref().is_some_and(|key| *key == self.worker.identity().key());
        if inner.jobs.is_in_process() && !is_ours {
            return self.ask_over_links(&name, ask, until).await;
        }
        let queue = inner.jobs.open(&name, &command);
        Ok(ask.put_to(queue.as_ref(), self.job).await?)
    }

    /// The command in the schema, if it lets this worker ask.
    fn allowed(&self, name: &QueueName) -> Result<CommandSchema, NotExecuted> {
        let schema = self.worker.schema().ok_or(NotExecuted::NoSuchCommand)?;
        let (callee, command) = (name.worker.as_str(), name.command.as_str());
        let found = schema.command(callee, command).ok_or(NotExecuted::NoSuchCommand)?;
        let me = self.worker.identity().worker;
        if !schema.may_enqueue(me.as_str(), callee, command) {
            return Err(NotExecuted::NotAllowed);
        }
        Ok(found.clone())
    }

    /// Asks the instance that the receipt names, or without a receipt each until one knows.
    async fn ask_over_links(
        &self,
        name: &QueueName,
        ask: Ask,
        until: Option<Instant>,
    ) -> Result<Told, JobError> {
        let links: Vec<Link> = {
            let routes = self.worker.inner().routes.load();
            let instances = routes.instances(name.worker.as_str()).iter();
            let meant = instances.filter(|instance| {
                self.instance.as_ref().is_none_or(|named| *named == instance.key)
            });
            meant.filter_map(|instance| instance.link.clone()).collect()
        };
        let mut result = Err(not_asked(NotExecuted::NoInstance));
        for link in links {
            result = match self.ask_link(&link, name, ask, until).await {
                // Another one may know it.
                Ok(Told::Status(None)) => Ok(Told::Status(None)),
                Ok(Told::Canceled(Canceled::Over)) => Ok(Told::Canceled(Canceled::Over)),
                Ok(told) => return Ok(told),
                // Who was asked before and does not know it is no proof for this one.
                Err(error) => Err(error),
            };
        }
        result
    }

    async fn ask_link(
        &self,
        link: &Link,
        name: &QueueName,
        ask: Ask,
        until: Option<Instant>,
    ) -> Result<Told, JobError> {
        let question = Question { command: name.command.to_string(), job: self.job, ask };
        let body = write(&question, b"").map_err(not_asked)?;
        loop {
            let round = Instant::now() + WAIT_ROUND;
            let deadline = until.map_or(round, |until| until.min(round));
            let request = Request {
                command: CommandRef::Name(JOB.into()),
                body: body.clone(),
                deadline,
                trace: None,
                attempt: None,
                wants_reply: true,
            };
            let reply = link.call(request).map_err(not_asked)?.await;
            match reply {
                Ok(body) => {
                    return read_answer(&body).map_err(|message| JobError::BadReply { message });
                }
                Err(CallError::Unknown { cause: UnknownCause::Deadline, .. })
                    if until.is_none_or(|until| Instant::now() < until) => {}
                Err(error) => return Err(JobError::NotAsked(error)),
            }
        }
    }
}

impl<R: DeserializeOwned> JobHandle<R> {
    /// Waits until the job is done, and reads what it answered; `()` for a command without an
    /// answer.
    ///
    /// # Errors
    /// [`JobError`]: the job is dead, canceled or unknown, or it cannot be told.
    pub async fn wait(&self) -> Result<R, JobError> {
        let told = self.ask(Ask::Wait, self.until(None)).await?;
        let Told::Status(status) = told else { return Err(beside_the_point()) };
        match self.open(status.ok_or(JobError::NotFound)?)? {
            JobStatus::Done { reply } => {
                let body = reply.map_or_else(Body::empty, |reply| Body {
                    codec: reply.codec,
                    bytes: reply.body,
                });
                let decoded = body.codec.decode(&body.bytes);
                decoded.map_err(|error| JobError::BadReply { message: error.message })
            }
            JobStatus::Dead { error } => Err(JobError::Dead { error }),
            JobStatus::Canceled => Err(JobError::Canceled),
            JobStatus::Waiting | JobStatus::Scheduled { .. } | JobStatus::Running { .. } => {
                Err(beside_the_point())
            }
        }
    }
}

impl<R: DeserializeOwned + Send + 'static> IntoFuture for JobHandle<R> {
    type Output = Result<R, JobError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.wait().await })
    }
}

fn not_asked(reason: NotExecuted) -> JobError {
    JobError::NotAsked(CallError::not_executed(reason))
}

/// A peer or a store that answers another question than the one that was asked.
fn beside_the_point() -> JobError {
    JobError::BadReply { message: "the answer is of another kind than the question".to_owned() }
}
