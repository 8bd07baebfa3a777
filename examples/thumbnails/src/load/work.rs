//! One call or job of the load, until its end is known.

use std::time::Duration;

use meshwork_worker::{CallError, Command, JobError, Receipt, Worker};
use tokio::time::{Instant, sleep};

use super::figures::{CallEnd, Figures, JobEnd, Kind};
use crate::commands::{Preview, Print, Printed, Resize, Resized};
use crate::gateway::order::may_pass;
use crate::picture::Size;

/// Pauses before something is tried again, from and to.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How long a call that is not executed is made again, and a job stored again: a restart of the
/// store or of all thumbnailers is over by then.
const AGAIN_WITHIN: Duration = Duration::from_secs(60);

/// How long storing one job may take before it is asked again.
const STORE_WITHIN: Duration = Duration::from_secs(5);

/// How long the same job is known by its key.
const SAME_WITHIN: Duration = Duration::from_secs(600);

/// Makes one call, again as long as it was surely not executed.
pub async fn call(worker: &Worker, figures: &Figures, kind: Kind, order: Resize) {
    figures.call_started(kind);
    let within = order.within;
    let end = match kind {
        Kind::Resize => {
            let (result, began) = until_executed(worker, figures, kind, order).await;
            call_end(result, |made| judge(made, within), began)
        }
        Kind::Print => {
            let (result, began) = until_executed(worker, figures, kind, Print(order)).await;
            let numbered = |Printed { made, number }: Printed| {
                let by = judge(made, within)?;
                figures.numbered(&by, number);
                Ok(by)
            };
            call_end(result, numbered, began)
        }
    };
    figures.call_ended(kind, end);
}

/// Stores one job and waits for its end. `key` makes storing it twice one job.
pub async fn job(worker: &Worker, figures: &Figures, key: String, order: Resize) {
    figures.job_started();
    let within = order.within;
    let receipt = match stored(worker, figures, &key, order).await {
        Ok(receipt) => receipt,
        Err(error) => return figures.job_refused(&error.to_string()),
    };
    figures.job_stored();
    let began = Instant::now();
    let mut pauses = Pauses::default();
    let end = loop {
        match worker.job::<Preview>(&receipt).wait().await {
            Ok(made) => {
                break match judge(made, within) {
                    Ok(by) => JobEnd::Done { by, took: began.elapsed() },
                    Err(why) => JobEnd::Dead(why),
                };
            }
            // It says nothing of the job.
            Err(JobError::Unavailable(_) | JobError::NotAsked(_) | JobError::Deadline) => {
                figures.job_asked_again();
                pauses.next().await;
            }
            Err(error @ JobError::NotFound) => break JobEnd::Lost(error.to_string()),
            Err(error) => break JobEnd::Dead(error.to_string()),
        }
    };
    figures.job_ended(end);
}

/// The answer of a call that was executed at last, or the error that it ends with; and when it
/// began.
async fn until_executed<C: Command + Clone>(
    worker: &Worker,
    figures: &Figures,
    kind: Kind,
    command: C,
) -> (Result<C::Reply, CallError>, Instant) {
    let began = Instant::now();
    let mut pauses = Pauses::default();
    loop {
        match worker.call(command.clone()).wait_for_ready().await {
            Err(error) if may_pass(&error) && began.elapsed() < AGAIN_WITHIN => {
                figures.call_repeated(kind, &error.to_string());
                pauses.next().await;
            }
            result => return (result, began),
        }
    }
}

/// A receipt for the job. Under its key it is stored once, however often that is asked for.
async fn stored(
    worker: &Worker,
    figures: &Figures,
    key: &str,
    order: Resize,
) -> Result<Receipt, CallError> {
    let began = Instant::now();
    let mut pauses = Pauses::default();
    loop {
        let storing = worker.enqueue(Preview(order.clone())).dedupe(key, SAME_WITHIN);
        match storing.deadline(STORE_WITHIN).await {
            Err(error) if began.elapsed() < AGAIN_WITHIN => {
                figures.job_repeated(&error.to_string());
                pauses.next().await;
            }
            result => return result,
        }
    }
}

fn call_end<R>(
    result: Result<R, CallError>,
    judged: impl FnOnce(R) -> Result<String, String>,
    began: Instant,
) -> CallEnd {
    match result {
        Ok(reply) => match judged(reply) {
            Ok(by) => CallEnd::Answered { by, took: began.elapsed() },
            Err(why) => CallEnd::Failed(why),
        },
        Err(CallError::NotExecuted { reason }) => CallEnd::NotExecuted(reason.to_string()),
        Err(CallError::Unknown { cause, .. }) => CallEnd::Unknown(cause.to_string()),
        Err(error @ CallError::Failed { .. }) => CallEnd::Failed(error.to_string()),
    }
}

/// Who made it, if it has the size that was asked for. The pixels are compared by the gateway,
/// which has less to do.
fn judge(made: Resized, within: Size) -> Result<String, String> {
    let expected = made.picture_size.fitted(within);
    if made.thumbnail_size != expected || made.thumbnail.is_empty() {
        let found = made.thumbnail_size;
        return Err(format!("{found} pixels instead of {expected}"));
    }
    Ok(made.variant)
}

/// Longer and longer pauses.
#[derive(Debug)]
struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(PAUSE.0)
    }
}

impl Pauses {
    async fn next(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 * 2).min(PAUSE.1);
    }
}
