//! Putting jobs into a queue, and what is known when that does not succeed.

use bytes::Bytes;
use meshwork_queue::seal::SealError;
use meshwork_queue::{EnqueueError, Enqueued, NewJob, QueueName};
use meshwork_schema::CommandSchema;
use meshwork_shared::ids::CallId;
use meshwork_shared::outcome::{CallError, NotExecuted, UnknownCause};
use meshwork_shared::record::TraceContext;
use tokio::time::Instant;

use super::sealing;
use crate::worker::Worker;

/// Stores jobs in one queue, each by itself; one result for each, in their order.
pub(crate) async fn store(
    worker: &Worker,
    name: &QueueName,
    command: &CommandSchema,
    jobs: Vec<NewJob>,
    deadline: Instant,
) -> Vec<Result<Enqueued, CallError>> {
    let count = jobs.len();
    if Instant::now() >= deadline {
        return vec![Err(CallError::not_executed(NotExecuted::Deadline)); count];
    }
    let mut results: Vec<Option<Result<Enqueued, CallError>>> = vec![None; count];
    let mut sealed = Vec::with_capacity(count);
    for (job, result) in jobs.into_iter().zip(&mut results) {
        match sealing::seal(worker, name, job) {
            Ok(job) => sealed.push(job),
            Err(error) => *result = Some(Err(not_sealed(error))),
        }
    }
    if !sealed.is_empty() {
        let queue = worker.inner().jobs.open(name, command);
        let mut stored = queue.enqueue_until(sealed, deadline).await.into_iter();
        let is_late = Instant::now() >= deadline;
        for result in results.iter_mut().filter(|result| result.is_none()) {
            *result = Some(match stored.next() {
                Some(Err(EnqueueError::Unknown { .. })) if is_late => {
                    Err(unknown(UnknownCause::Deadline))
                }
                Some(stored) => stored.map_err(not_stored),
                None => Err(unknown(UnknownCause::Queue { message: "no word".to_owned() })),
            });
        }
    }
    results.into_iter().flatten().collect()
}

/// Stores one job.
pub(crate) async fn store_one(
    worker: &Worker,
    name: &QueueName,
    command: &CommandSchema,
    job: NewJob,
    deadline: Instant,
) -> Result<Enqueued, CallError> {
    if Instant::now() >= deadline {
        return Err(CallError::not_executed(NotExecuted::Deadline));
    }
    let job = sealing::seal(worker, name, job).map_err(not_sealed)?;
    let queue = worker.inner().jobs.open(name, command);
    match queue.enqueue_one(job, deadline).await {
        Err(EnqueueError::Unknown { .. }) if Instant::now() >= deadline => {
            Err(unknown(UnknownCause::Deadline))
        }
        stored => stored.map_err(not_stored),
    }
}

/// A trace as it is kept with a job.
pub(crate) fn kept_trace(trace: TraceContext) -> Bytes {
    Bytes::copy_from_slice(&trace.to_bytes())
}

fn unknown(cause: UnknownCause) -> CallError {
    // No link, no number: the job's id is what names it.
    CallError::Unknown { call_id: CallId(0), cause }
}

fn not_sealed(error: SealError) -> CallError {
    CallError::not_executed(match error {
        SealError::NoKeys => NotExecuted::QueueUnavailable { message: error.to_string() },
        SealError::NotAllowed { .. } | SealError::NotOurs { .. } => NotExecuted::NotAllowed,
    })
}

/// What a caller is told when the queue did not take a job.
pub(super) fn not_stored(error: EnqueueError) -> CallError {
    match error {
        EnqueueError::Full { .. } => {
            CallError::not_executed(NotExecuted::overloaded(error.to_string()))
        }
        EnqueueError::TooLarge { bytes, bytes_max } => {
            let (bytes, limit) = (bytes as u64, bytes_max as u64);
            CallError::not_executed(NotExecuted::TooLarge { bytes, limit })
        }
        EnqueueError::Unavailable { message } => {
            CallError::not_executed(NotExecuted::QueueUnavailable { message })
        }
        EnqueueError::Unknown { message } => unknown(UnknownCause::Queue { message }),
    }
}
