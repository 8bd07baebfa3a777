//! What a peer asks over its link about jobs of this process's own queues.

use std::sync::Arc;

use bytes::Bytes;
use meshwork_queue::NewJob;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::CallId;
use meshwork_shared::link::message::{Answer, Body};
use meshwork_shared::outcome::{CallError, ErrorBody, Failure, NotExecuted};
use meshwork_shared::record::TraceContext;
use tokio::time::Instant;

use super::Jobs;
use super::options::JobOptions;
use super::store::{kept_trace, store_one};
use super::wire::{Question, answer};
use crate::call::enqueue::Receipt;
use crate::context::Caller;
use crate::handler::table::Served;
use crate::worker::Worker;

/// A job as a peer wants it stored.
pub(crate) struct Wanted {
    pub(crate) caller: Arc<Caller>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) body: Body,
    pub(crate) options: JobOptions,
    pub(crate) deadline: Instant,
}

/// Stores a job in this process's queue; the answer is its receipt.
pub(crate) async fn enqueue(worker: Worker, served: Arc<Served>, wanted: Wanted) -> Answer {
    own_queues(&worker)?;
    if worker.inner().is_stopping() {
        // It would die with this process.
        return Err(NotExecuted::Draining.into());
    }
    wanted.options.check()?;
    let Wanted { caller, trace, body, options, deadline } = wanted;
    let id = options.id.unwrap_or_else(|| worker.inner().jobs.new_id());
    let (caller, variant) = (caller.worker.clone(), caller.variant.clone());
    // The frame that it came in is larger, and may go.
    let arguments = Bytes::copy_from_slice(&body.bytes);
    let job = options.apply(NewJob::new(id, caller, variant, body.codec, arguments));
    let job = NewJob { trace: trace.map(kept_trace), ..job };
    let name = Jobs::own_queue(&worker, &served.schema);
    let stored = store_one(&worker, &name, &served.schema, job, deadline).await;
    let stored = stored.map_err(over_the_link)?;
    let receipt = Receipt::new(stored, name, Some(worker.identity().key()));
    match Codec::Json.encode(&receipt) {
        Ok(bytes) => Ok(Body { codec: Codec::Json, bytes }),
        Err(error) => Err(Failure::new("reply_not_encodable", error.message).into()),
    }
}

/// Answers a question about a job of this process's queue.
pub(crate) async fn question(worker: Worker, served: Arc<Served>, question: Question) -> Answer {
    own_queues(&worker)?;
    let name = Jobs::own_queue(&worker, &served.schema);
    let queue = worker.inner().jobs.open(&name, &served.schema);
    let told = question.ask.put_to(queue.as_ref(), question.job).await;
    let told = told.map_err(|error| Failure::new("unavailable", error.message))?;
    Ok(answer(told)?)
}

/// A caller that asks over a link believes that the queue is in this process.
fn own_queues(worker: &Worker) -> Result<(), ErrorBody> {
    if worker.inner().jobs.is_in_process() {
        return Ok(());
    }
    let message = "queues are not kept here: give all workers the same `queue`".to_owned();
    Err(NotExecuted::ArgumentRefused { message }.into())
}

fn over_the_link(error: CallError) -> ErrorBody {
    match error {
        CallError::NotExecuted { reason } => reason.into(),
        CallError::Unknown { cause, call_id: CallId(_) } => ErrorBody::Unknown(cause),
        CallError::Failed { code, message, .. } => Failure::new(code, message).into(),
    }
}
