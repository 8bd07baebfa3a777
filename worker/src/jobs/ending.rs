//! From what a handler answered to what its queue is told, and telling it while the store is away.

use std::time::Duration;

use meshwork_queue::{FinishError, Finished, JobEnd, JobStatus, LeaseToken, Queue, Reply};
use meshwork_shared::backoff::Backoff;
use meshwork_shared::link::message::{Answer, Body};
use meshwork_shared::outcome::{ErrorBody, Failure, NotExecuted, Retry};
use meshwork_shared::random::Random;
use tokio::time::{Instant, sleep};

use super::limits::{FINISH_AGAIN, FINISH_WITHIN, REPLY_BYTES_MAX, TIME_MAX};

/// What the queue is told of an answer. The reply is kept if the command answers.
pub(super) fn end_of(answer: Answer, responds: bool) -> Result<Option<Body>, JobEnd> {
    match answer {
        Ok(_) if !responds => Ok(None),
        Ok(body) if body.bytes.len() > REPLY_BYTES_MAX => {
            let bytes = body.bytes.len();
            let error =
                format!("the reply of {bytes} bytes is over the limit of {REPLY_BYTES_MAX}");
            Err(JobEnd::Fail { error })
        }
        Ok(body) => Ok(Some(body)),
        Err(error) => Err(failed(error)),
    }
}

/// The reply of a run that succeeded, in the clear.
pub(super) fn reply(body: Body) -> Reply {
    Reply { codec: body.codec, body: body.bytes }
}

fn failed(error: ErrorBody) -> JobEnd {
    match error {
        ErrorBody::NotExecuted(refused @ NotExecuted::ArgumentRefused { .. }) => {
            JobEnd::Fail { error: refused.to_string() }
        }
        ErrorBody::NotExecuted(reason) => JobEnd::Retry { error: reason.to_string(), after: None },
        ErrorBody::Failed(failure) => of_failure(&failure),
        ErrorBody::Unknown(cause) => JobEnd::Retry { error: cause.to_string(), after: None },
    }
}

fn of_failure(failure: &Failure) -> JobEnd {
    let error = failure.to_string();
    match failure.retry {
        Retry::Backoff => JobEnd::Retry { error, after: None },
        Retry::After(wait) => JobEnd::Retry { error, after: Some(wait.min(TIME_MAX)) },
        Retry::Never => JobEnd::Fail { error },
    }
}

/// Tells the queue how a run ended, again and again while its store is away. `None`: the lease was
/// lost, and the queue goes on without this run.
pub(super) async fn tell(
    queue: &dyn Queue,
    token: LeaseToken,
    end: JobEnd,
    random: &Random,
) -> Option<Finished> {
    let until = Instant::now() + FINISH_WITHIN;
    let (shortest, longest) = FINISH_AGAIN;
    let mut backoff = Backoff::new(shortest, longest);
    let mut is_again = false;
    loop {
        match queue.finish(token, end.clone()).await {
            Ok(finished) => return Some(finished),
            // What was told before may have been heard, though its answer was not.
            Err(FinishError::LeaseLost) if is_again => return heard(queue, token, &end).await,
            Err(FinishError::LeaseLost) => return None,
            Err(FinishError::Unavailable { message }) => {
                if Instant::now() >= until {
                    log::warn!("the end of job {} was not told in time: {message}", token.id);
                    return None;
                }
            }
        }
        is_again = true;
        sleep(backoff.next(random)).await;
    }
}

/// Whether the queue has taken this very end.
async fn heard(queue: &dyn Queue, token: LeaseToken, end: &JobEnd) -> Option<Finished> {
    let status = queue.status(token.id).await.ok().flatten()?;
    match (end, status) {
        (JobEnd::Done { .. }, JobStatus::Done { .. }) => Some(Finished::Done),
        (JobEnd::Retry { .. } | JobEnd::Fail { .. }, JobStatus::Dead { .. }) => {
            Some(Finished::Dead)
        }
        (JobEnd::Retry { .. }, JobStatus::Scheduled { .. } | JobStatus::Waiting) => {
            Some(Finished::Retried { delay: Duration::ZERO })
        }
        _ => None,
    }
}
