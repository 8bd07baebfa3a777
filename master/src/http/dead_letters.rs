//! The dead letters of a queue, and making jobs of them again. Whatever is made of them is in the
//! audit log, also when it ends half way: a request that was begun goes on when its client is gone.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use meshwork_queue::{JobSummary, Queue, QueueName, Section, Unavailable};
use meshwork_shared::ids::JobId;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use tokio::time::timeout;

use super::dto::{DeadLetters, DeadRow, Retried};
use super::queues::{UNSET, WITHIN};
use super::{Facts, routes};
use crate::audit;
use crate::registry::Audit;
use crate::registry::actor::NoteAudit;

/// Dead letters of one answer.
const DEAD_MAX: usize = 100;

/// Dead letters that are moved with one request to the store.
const MOVED_AT_ONCE: usize = 500;

/// What came of moving dead letters.
#[derive(Debug, PartialEq, Eq)]
struct Moved {
    /// Those that are known to be moved.
    jobs: usize,
    /// Why it is not known whether there are more.
    trouble: Option<Trouble>,
}

/// Why a store did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    Unavailable(String),
    Silent,
}

pub(super) async fn dead(facts: web::Data<Facts>, path: web::Path<String>) -> HttpResponse {
    let queue = match find(&facts, &path) {
        Ok((_, queue)) => queue,
        Err(problem) => return *problem,
    };
    let asked = async {
        let jobs = queue.peek(Section::Dead, None, DEAD_MAX).await?;
        Ok::<_, Unavailable>((jobs, queue.depth().await?.dead))
    };
    match within(WITHIN, asked).await {
        Ok((jobs, all)) => {
            let more = all.saturating_sub(jobs.len());
            HttpResponse::Ok().json(DeadLetters { dead: jobs.iter().map(dead_row).collect(), more })
        }
        Err(trouble) => problem(&trouble),
    }
}

pub(super) async fn retry_one(
    facts: web::Data<Facts>,
    path: web::Path<(String, String)>,
) -> HttpResponse {
    let (name, queue) = match find(&facts, &path.0) {
        Ok(found) => found,
        Err(problem) => return *problem,
    };
    let id: Result<JobId, ValueError> = JobId::deserialize(path.1.as_str().into_deserializer());
    let Ok(id) = id else {
        let message = "a job is 32 hexadecimal digits, as its queue lists it";
        return routes::problem(StatusCode::BAD_REQUEST, "bad_name", message);
    };
    let moved = to_the_end(async move {
        let moved = match within(WITHIN, queue.retry_dead(Some(id), 1)).await {
            Ok(jobs) => Moved { jobs, trouble: None },
            Err(trouble) => Moved { jobs: 0, trouble: Some(trouble) },
        };
        told(&facts, name, Some(id), moved).await
    });
    match moved.await {
        Ok(0) => {
            let message = "there is no such dead letter any more, its queue has no room, or no \
                           mesh has stored it";
            routes::problem(StatusCode::CONFLICT, "not_retried", message)
        }
        Ok(retried) => HttpResponse::Ok().json(Retried { retried }),
        Err(problem) => problem,
    }
}

pub(super) async fn retry_all(facts: web::Data<Facts>, path: web::Path<String>) -> HttpResponse {
    let (name, queue) = match find(&facts, &path) {
        Ok(found) => found,
        Err(problem) => return *problem,
    };
    let moved = to_the_end(async move {
        let dead = async { Ok(queue.depth().await?.dead) };
        let moved = move_all(WITHIN, dead, |limit| queue.retry_dead(None, limit)).await;
        told(&facts, name, None, moved).await
    });
    match moved.await {
        Ok(retried) => HttpResponse::Ok().json(Retried { retried }),
        Err(problem) => problem,
    }
}

/// Moves those that are there now: one that dies again meanwhile is not tried for ever. Each
/// request to the store may take `time`.
async fn move_all<B>(
    time: Duration,
    dead: impl Future<Output = Result<usize, Unavailable>>,
    batch: impl Fn(usize) -> B,
) -> Moved
where
    B: Future<Output = Result<usize, Unavailable>>,
{
    let mut jobs = 0;
    let dead = match within(time, dead).await {
        Ok(dead) => dead,
        Err(trouble) => return Moved { jobs, trouble: Some(trouble) },
    };
    while jobs < dead {
        match within(time, batch(MOVED_AT_ONCE.min(dead - jobs))).await {
            Ok(0) => break,
            Ok(moved) => jobs += moved,
            Err(trouble) => return Moved { jobs, trouble: Some(trouble) },
        }
    }
    Moved { jobs, trouble: None }
}

/// Runs it to its end also if the client does not wait for it.
async fn to_the_end(
    work: impl Future<Output = Result<usize, HttpResponse>> + 'static,
) -> Result<usize, HttpResponse> {
    match actix_web::rt::spawn(work).await {
        Ok(ended) => ended,
        Err(error) => {
            log::error!("dead letters were not looked after: {error}");
            Err(HttpResponse::InternalServerError().finish())
        }
    }
}

/// Writes down what was done, and answers how much that is.
async fn told(
    facts: &Facts,
    queue: QueueName,
    job: Option<JobId>,
    Moved { jobs, trouble }: Moved,
) -> Result<usize, HttpResponse> {
    if jobs > 0 || trouble.is_some() {
        facts.watch.queues.look_again();
        let audit = Audit::JobsRetried { queue, job, jobs, is_all: trouble.is_none() };
        if facts.registry.send(NoteAudit(audit.clone())).await.is_err() {
            // The master stops, and nothing counts any more; the line is not lost.
            audit::log(&audit);
        }
    }
    match trouble {
        None => Ok(jobs),
        Some(trouble) => Err(problem(&trouble)),
    }
}

fn dead_row(job: &JobSummary) -> DeadRow {
    DeadRow {
        id: job.id.to_string(),
        caller: format!("{}/{}", job.caller, job.caller_variant),
        attempts: job.attempts,
        enqueued_unix_ms: job.enqueued_unix_ms,
        died_unix_ms: job.since_unix_ms,
        error: job.last.as_ref().map(|run| run.error.to_string()),
    }
}

fn find(facts: &Facts, name: &str) -> Result<(QueueName, Arc<dyn Queue>), Box<HttpResponse>> {
    let parsed: QueueName = name.parse().map_err(|error: meshwork_queue::QueueNameError| {
        Box::new(routes::problem(StatusCode::BAD_REQUEST, "bad_name", &error.to_string()))
    })?;
    let queue = facts.watch.queues.queue(&parsed);
    let queue =
        queue.ok_or_else(|| Box::new(routes::problem(StatusCode::CONFLICT, "no_queue", UNSET)))?;
    Ok((parsed, queue))
}

async fn within<T>(
    time: Duration,
    asked: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, Trouble> {
    match timeout(time, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Trouble::Unavailable(error.to_string())),
        Err(_) => Err(Trouble::Silent),
    }
}

fn problem(trouble: &Trouble) -> HttpResponse {
    let message = match trouble {
        Trouble::Unavailable(message) => message,
        Trouble::Silent => "the store of queues does not answer; what was asked may be done",
    };
    routes::problem(StatusCode::SERVICE_UNAVAILABLE, "queue_unavailable", message)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_are_moved_in_batches_while_there_is_room() {
        let batches = AtomicUsize::new(0);
        let batch = |limit| {
            batches.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(limit))
        };
        let moved = move_all(WITHIN, async { Ok(1230) }, batch).await;
        assert_eq!(moved, Moved { jobs: 1230, trouble: None });
        assert_eq!(batches.into_inner(), 3);
        let full = move_all(WITHIN, async { Ok(230) }, |_| std::future::ready(Ok(0))).await;
        assert_eq!(full, Moved { jobs: 0, trouble: None });
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_moved_before_the_store_fell_silent_is_known() {
        let batches = AtomicUsize::new(0);
        let batch = |limit| {
            let is_silent = batches.fetch_add(1, Ordering::Relaxed) == 2;
            async move {
                match is_silent {
                    true => std::future::pending().await,
                    false => Ok(limit),
                }
            }
        };
        let moved = move_all(WITHIN, async { Ok(5000) }, batch).await;
        assert_eq!(moved, Moved { jobs: 1000, trouble: Some(Trouble::Silent) });
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_takes_its_time_moves_all_the_same() {
        let batch = |limit| async move {
            tokio::time::sleep(WITHIN / 2).await;
            Ok(limit)
        };
        let moved = move_all(WITHIN, async { Ok(65_536) }, batch).await;
        assert_eq!(moved, Moved { jobs: 65_536, trouble: None });
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_moved_before_the_store_was_away_is_known() {
        let batches = AtomicUsize::new(0);
        let batch = |limit| {
            let is_first = batches.fetch_add(1, Ordering::Relaxed) == 0;
            let away = || Unavailable { message: "it is away".to_owned() };
            std::future::ready(is_first.then_some(limit).ok_or_else(away))
        };
        let moved = move_all(WITHIN, async { Ok(5000) }, batch).await;
        let trouble = moved.trouble.expect("it says so");
        assert!(matches!(&trouble, Trouble::Unavailable(message) if message.contains("away")));
        assert_eq!((moved.jobs, problem(&trouble).status().as_u16()), (500, 503));
    }

    #[tokio::test]
    async fn what_was_begun_goes_on_when_its_client_is_gone() {
        let (done, ended) = tokio::sync::oneshot::channel();
        let work = async {
            tokio::task::yield_now().await;
            done.send(()).unwrap();
            Ok(1)
        };
        let gone = async {
            tokio::select! {
                biased;
                _ = to_the_end(work) => panic!("it takes longer"),
                () = std::future::ready(()) => {}
            }
            ended.await.unwrap();
        };
        tokio::task::LocalSet::new().run_until(gone).await;
    }
}
