//! Commands that run by themselves: each instance that serves one looks at the clock, and the queue
//! lets one of them store the job of a due time. Stops with the worker.
//!
//! Where each instance keeps a queue of its own (memory, or a broadcast command), each runs the
//! job.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshwork_queue::repeat::plan;
use meshwork_queue::{NewJob, Start};
use meshwork_schema::Repeat;
use meshwork_shared::codec::Codec;
use tokio::time::sleep;

use super::limits::{REPEAT_AGAIN, REPEAT_LOOK_MAX};
use super::{Jobs, sealing};
use crate::handler::table::Served;
use crate::worker::Worker;

/// Looks after the due times of one command for as long as the worker lives.
pub(super) async fn repeat(worker: Worker, command: String) {
    let inner = worker.inner().clone();
    // Until this queue has had its first job, nothing before this counts as missed.
    let started = inner.jobs.clock.unix_ms();
    loop {
        let changed = inner.wakeup.next();
        let served = inner.handlers().and_then(|all| all.find(&command).cloned());
        let repeats = served.as_ref().and_then(|served| {
            let repeat = served.schema.repeat.as_ref().filter(|_| served.schema.queued);
            Some((served, repeat?))
        });
        let Some((served, repeat)) = repeats else {
            tokio::select! {
                biased;
                () = inner.stopping.stopped() => return,
                () = changed => continue,
            }
        };
        let wait = match look(&worker, served, repeat, started).await {
            Ok(wait) => wait.min(REPEAT_LOOK_MAX),
            Err(error) => {
                log::warn!("the due times of `{command}` wait for its queue: {error}");
                REPEAT_AGAIN
            }
        };
        tokio::select! {
            biased;
            () = inner.stopping.stopped() => return,
            () = sleep(wait) => {}
            () = schema_changed(&worker, &command, served) => {}
        }
    }
}

/// Stores what is due; says how long it is until something is.
async fn look(
    worker: &Worker,
    served: &Served,
    repeat: &Repeat,
    started: u64,
) -> Result<Duration, String> {
    let jobs = &worker.inner().jobs;
    let name = Jobs::own_queue(worker, &served.schema);
    let queue = jobs.open(&name, &served.schema);
    let last = queue.last_due().await.map_err(|error| error.to_string())?;
    let now = jobs.clock.unix_ms();
    let plan = plan(repeat, Some(last.unwrap_or(started)), now);
    if plan.skipped > 0 {
        log::info!("{} due times of {name} were missed and are left out", plan.skipped);
    }
    for due in plan.due {
        let me = worker.identity();
        let nothing = Bytes::from_static(b"null");
        let job = NewJob::new(jobs.new_id(), me.worker, me.variant, Codec::Json, nothing);
        // Not before its time by the clock of the queue, however far ahead this one is.
        let job = NewJob { start: Start::At(due), ..job };
        let job = sealing::seal(worker, &name, job).map_err(|error| error.to_string())?;
        queue.enqueue_due(due, job).await.map_err(|error| error.to_string())?;
    }
    let next = plan.next.map_or(u64::MAX, |next| next.saturating_sub(now));
    Ok(Duration::from_millis(next))
}

/// Returns when the command is no longer what it was.
async fn schema_changed(worker: &Worker, command: &str, before: &Arc<Served>) {
    let inner = worker.inner();
    loop {
        let changed = inner.wakeup.next();
        let is_same = inner
            .handlers()
            .and_then(|all| all.find(command).map(|now| Arc::ptr_eq(now, before)))
            .unwrap_or(false);
        if !is_same {
            return;
        }
        changed.await;
    }
}
