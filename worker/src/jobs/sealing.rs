//! Bodies that only caller and callee can read, where a queue is kept outside of their processes.
//! In a queue of the process itself nothing is sealed: who called is what the link has proven.

use std::time::Duration;

use bytes::Bytes;
use meshwork_queue::seal::{OpenError, SealError};
use meshwork_queue::{Lease, NewJob, QueueName, Reply};
use meshwork_schema::WorkerName;
use meshwork_shared::ids::JobId;
use tokio::time::{Instant, sleep};

use super::limits::KEY_WITHIN;
use crate::worker::Worker;

/// How often a key that is on its way is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why a job is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its key is on its way to this instance.
    NotYet,
    /// It may not run, ever.
    Never(String),
}

/// Seals a job that is complete but for its seal.
pub(super) fn seal(worker: &Worker, queue: &QueueName, job: NewJob) -> Result<NewJob, SealError> {
    let inner = worker.inner();
    if inner.jobs.is_in_process() {
        return Ok(job);
    }
    inner.job_keys.load().seal(queue, job, &inner.jobs.random)
}

/// The arguments of a job, if the schema in force lets its caller call the command.
pub(super) async fn open(
    worker: &Worker,
    queue: &QueueName,
    lease: &Lease,
) -> Result<Bytes, Refused> {
    let inner = worker.inner();
    let Some(schema) = inner.schema() else { return Err(Refused::NotYet) };
    if inner.jobs.is_in_process() {
        let (caller, callee) = (lease.job.caller.as_str(), queue.worker.as_str());
        let may = schema.may_enqueue(caller, callee, queue.command.as_str());
        let refused = || Refused::Never(format!("the schema does not let `{caller}` call it"));
        return if may { Ok(lease.job.body.clone()) } else { Err(refused()) };
    }
    let until = Instant::now() + KEY_WITHIN;
    loop {
        let opened = inner.job_keys.load().open(queue, lease, &schema);
        match opened {
            Ok(bytes) => return Ok(bytes),
            Err(error) if !error.is_retryable() => return Err(Refused::Never(error.to_string())),
            Err(_) if Instant::now() >= until => return Err(Refused::NotYet),
            Err(_) => sleep(LOOK_EVERY).await,
        }
    }
}

/// Seals what a job answered, for its caller.
pub(super) fn seal_reply(
    worker: &Worker,
    queue: &QueueName,
    lease: &Lease,
    reply: Reply,
) -> Result<Reply, SealError> {
    let inner = worker.inner();
    if inner.jobs.is_in_process() {
        return Ok(reply);
    }
    inner.job_keys.load().seal_reply(queue, lease, reply, &inner.jobs.random)
}

/// Opens what a job answered that this worker had enqueued.
pub(super) fn open_reply(
    worker: &Worker,
    queue: &QueueName,
    job: JobId,
    reply: Reply,
) -> Result<Reply, OpenError> {
    let inner = worker.inner();
    if inner.jobs.is_in_process() {
        return Ok(reply);
    }
    let me: WorkerName = worker.identity().worker;
    inner.job_keys.load().open_reply(queue, job, &me, reply)
}
