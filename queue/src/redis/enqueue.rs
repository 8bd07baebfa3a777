//! Storing jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use meshwork_shared::ids::JobId;
use redis::Value;
use tokio::time::Instant;

use super::answer::{Answer, job_id};
use super::batch::Send1;
use super::codec::{encode, priority_number};
use super::queue::Core;
use super::script;
use super::site::whole_ms;
use super::store::CallError;
use crate::error::EnqueueError;
use crate::job::{Enqueued, NewJob, Start};
use crate::limits::DUE_AHEAD_MS_MAX;
use crate::size::job_bytes;

/// The last moment that scripts reckon with, unix milliseconds: 13 digits.
const UNIX_MS_MAX: u64 = 9_999_999_999_999;

/// A job on its way into the store.
pub(super) struct Prepared {
    id: JobId,
    options: Options,
    blob: Bytes,
}

/// What the script is told of a job beside its bytes.
#[derive(PartialEq, Eq)]
enum Options {
    /// How many bytes it counts for; all else is as the queue says.
    Plain(usize),
    Chosen(Bytes),
}

impl From<Options> for Bytes {
    fn from(options: Options) -> Self {
        match options {
            Options::Plain(bytes) => bytes.to_string().into(),
            Options::Chosen(text) => text,
        }
    }
}

/// What became of a job; `None`: it is that of a due time which had its job before.
type Stored = Result<Option<Enqueued>, EnqueueError>;

/// Stores the jobs of one queue.
pub(super) struct Enqueuer {
    core: Arc<Core>,
    /// The connection on which the queue was put on the list of all queues.
    listed: AtomicU64,
}

impl Enqueuer {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, listed: AtomicU64::new(0) }
    }

    /// A job as it is sent.
    ///
    /// # Errors
    /// [`EnqueueError::TooLarge`].
    pub(super) fn prepare(core: &Core, job: &NewJob) -> Result<Prepared, EnqueueError> {
        let bytes = job_bytes(job);
        let bytes_max = core.options.limits.bytes_max;
        if bytes > bytes_max {
            return Err(EnqueueError::TooLarge { bytes, bytes_max });
        }
        let is_plain = job.dedupe.is_none()
            && job.attempts.is_none()
            && job.start == Start::Now
            && job.priority == Default::default();
        let options = if is_plain {
            Options::Plain(bytes)
        } else {
            let (kind, start) = match job.start {
                Start::Now => (0, 0),
                Start::After(wait) => (1, whole_ms(wait)),
                Start::At(unix_ms) => (2, unix_ms.min(UNIX_MS_MAX)),
            };
            // No window at all is no window: such a key refuses nothing.
            let window = job.dedupe.as_ref().map_or(0, |dedupe| whole_ms(dedupe.window));
            let priority = priority_number(job.priority);
            let attempts = job.attempts.map_or(0, |attempts| attempts.max(1));
            let key = job.dedupe.as_ref().map_or("", |dedupe| &dedupe.key);
            let text = format!("{bytes} {priority} {attempts} {kind} {start} {window} {key}");
            Options::Chosen(text.into())
        };
        Ok(Prepared { id: job.id, options, blob: encode(job) })
    }

    /// Stores the job of a due time, unless it is late: `None` then.
    pub(super) async fn store_due(
        &self,
        due_unix_ms: u64,
        job: Prepared,
        until: Instant,
    ) -> Result<Option<Enqueued>, EnqueueError> {
        let due = format!("{} {DUE_AHEAD_MS_MAX}", due_unix_ms.min(UNIX_MS_MAX));
        let stored = self.store(due.into(), vec![job], until).await.map_err(refused)?;
        stored.into_iter().next().unwrap_or(Ok(None))
    }

    async fn store(
        &self,
        due: Bytes,
        jobs: Vec<Prepared>,
        until: Instant,
    ) -> Result<Vec<Stored>, CallError> {
        self.list(until).await?;
        let mut arguments = Vec::with_capacity(2 + 2 * jobs.len());
        arguments.push(due);
        let is_each = jobs.windows(2).any(|two| two[0].options != two[1].options);
        let mut ids = Vec::with_capacity(jobs.len());
        for (at, job) in jobs.into_iter().enumerate() {
            ids.push(job.id);
            match (is_each, at) {
                (true, 0) => arguments.extend([Bytes::new(), job.options.into()]),
                (true, _) | (false, 0) => arguments.push(job.options.into()),
                (false, _) => {}
            }
            arguments.push(job.blob);
        }
        let value = loop {
            let value = self.core.call(&script::ENQUEUE, &arguments, until).await?;
            // Nothing was stored yet: much had to be forgotten before, and more has.
            if !matches!(&value, Value::Array(answers) if answers.is_empty()) {
                break value;
            }
            if Instant::now() >= until {
                let message = "the store has much to forget before".to_owned();
                return Err(CallError { is_refused: true, message });
            }
        };
        let (stored, is_first) = self.read(&ids, value)?;
        if is_first {
            // It was forgotten since it was put on the list, which may have taken it off again.
            let listed = self.core.store.command(&self.core.site.note(), until).await;
            if let Err(CallError { message, .. }) = listed {
                // The jobs are stored all the same: the next connection lists the queue.
                log::warn!("{} is not on the list of queues: {message}", self.core.site.name());
            }
        }
        Ok(stored)
    }

    /// Puts the queue on the list of all queues, once for each connection: the store may have
    /// been emptied in between.
    async fn list(&self, until: Instant) -> Result<(), CallError> {
        let generation = self.core.store.generation();
        if generation > 0 && self.listed.load(Ordering::Relaxed) == generation {
            return Ok(());
        }
        let listed = self.core.store.command(&self.core.site.note(), until).await;
        // Whatever became of that, no job was sent.
        listed.map_err(|error| CallError { is_refused: true, ..error })?;
        self.listed.store(self.core.store.generation(), Ordering::Relaxed);
        Ok(())
    }

    /// What became of each, and whether the queue was new.
    fn read(&self, ids: &[JobId], value: Value) -> Result<(Vec<Stored>, bool), CallError> {
        let mut answer = Answer::new(value)?;
        let mut values = Vec::with_capacity(ids.len());
        for _ in ids {
            values.push(answer.next_value()?);
        }
        let (jobs, bytes) = (answer.next_size()?, answer.next_size()?);
        let limits = self.core.options.limits;
        let full = || {
            let (jobs_max, bytes_max) = (limits.jobs_max, limits.bytes_max);
            EnqueueError::Full { jobs, jobs_max, bytes, bytes_max }
        };
        let one = |(id, value): (&JobId, Value)| match value {
            Value::Int(-1) => Ok(Ok(None)),
            Value::Int(0) => Ok(Err(full())),
            Value::Int(number) => Ok(Ok(Some(Enqueued { id: *id, is_duplicate: number != 1 }))),
            Value::BulkString(first) => {
                Ok(Ok(Some(Enqueued { id: job_id(&first)?, is_duplicate: true })))
            }
            _ => Err(super::answer::strange()),
        };
        let is_first = answer.next_int()? == 1;
        let stored = ids.iter().zip(values).map(one).collect::<Result<_, _>>()?;
        Ok((stored, is_first))
    }
}

impl Send1 for Enqueuer {
    type Item = Prepared;
    type Answer = Result<Enqueued, EnqueueError>;

    fn bytes(item: &Prepared) -> usize {
        item.blob.len()
    }

    fn not_sent() -> Self::Answer {
        Err(EnqueueError::Unavailable {
            message: "nothing was sent in time, the store is away or busy".to_owned(),
        })
    }

    fn late() -> Self::Answer {
        Err(EnqueueError::late())
    }

    fn failed(error: CallError) -> Self::Answer {
        Err(refused(error))
    }

    async fn reach(&self, until: Instant) -> Result<(), CallError> {
        self.core.store.reach(until).await?;
        self.list(until).await
    }

    async fn send(&self, items: Vec<Prepared>, until: Instant) -> Vec<Self::Answer> {
        let count = items.len();
        match self.store(Bytes::new(), items, until).await {
            Ok(stored) => stored
                .into_iter()
                .map(|stored| stored?.ok_or_else(|| refused(super::answer::strange())))
                .collect(),
            Err(error) => (0..count).map(|_| Err(refused(error.clone()))).collect(),
        }
    }
}

/// A failed call, as the caller of an enqueue must know it.
pub(super) fn refused(error: CallError) -> EnqueueError {
    let CallError { is_refused, message } = error;
    match is_refused {
        true => EnqueueError::Unavailable { message },
        false => EnqueueError::Unknown { message },
    }
}
