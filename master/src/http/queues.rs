//! The queues of the workers, where the master reaches their store: how full they are, for the
//! picture; their dead letters, and making jobs of them again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use futures_util::{StreamExt, TryStreamExt, stream};
use meshwork_queue::{
    JobSummary, Queue, QueueBackend, QueueDepth, QueueName, QueueOptions, Section, Unavailable,
};
use meshwork_shared::ids::JobId;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use tokio::time::{Instant, timeout};

use super::dto::{DeadLetters, DeadRow, QueueRow, QueueStore, QueueStoreState, Retried};
use super::{Facts, routes};
use crate::figures::QueuePicture;

/// Queues that are shown, at most.
const QUEUES_MAX: usize = 256;

/// Queues that are asked at a time.
const ASKED_AT_ONCE: usize = 16;

/// How often the store is asked while somebody looks.
const EVERY: Duration = Duration::from_secs(2);

/// How long it may take to answer.
const WITHIN: Duration = Duration::from_secs(5);

/// Dead letters of one answer.
const DEAD_MAX: usize = 100;

/// Dead letters that are moved with one request to the store.
const MOVED_AT_ONCE: usize = 100;

/// What to do when the master does not know where queues are.
const UNSET: &str = "The master does not look at queues: set `queue` under [master], or \
                     MESHWORK_QUEUE, to what the workers have (redis://HOST:PORT/DB or \
                     file:/PATH). Queues in memory live in the workers and are only counted.";

/// The store, and what was last seen in it.
pub(crate) struct Queues {
    backend: Option<Arc<dyn QueueBackend>>,
    seen: Mutex<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    /// `None` before the first answer.
    queues: Option<Result<BTreeMap<String, QueueDepth>, String>>,
    asked: Option<Instant>,
    is_under_way: bool,
}

impl Queues {
    pub(crate) fn new(backend: Option<Arc<dyn QueueBackend>>) -> Self {
        Self { backend, seen: Mutex::default() }
    }

    fn queue(&self, name: &QueueName) -> Option<Arc<dyn Queue>> {
        // How jobs are treated is known to those who run them: a store keeps to that.
        let backend = self.backend.as_ref()?;
        Some(backend.open(name.clone(), QueueOptions::default()))
    }

    /// What was last seen; asks again, for the next time, if that is a while ago.
    fn look(&self, facts: &web::Data<Facts>) -> Seen {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = seen.asked.is_none_or(|at| at.elapsed() >= EVERY);
        if let Some(backend) = self.backend.clone().filter(|_| is_due && !seen.is_under_way) {
            seen.is_under_way = true;
            let facts = facts.clone();
            actix_web::rt::spawn(async move {
                let queues = match timeout(WITHIN, depths(&*backend)).await {
                    Ok(depths) => depths.map_err(|error| error.to_string()),
                    Err(_) => Err(format!("no answer within {} s", WITHIN.as_secs())),
                };
                let mut seen =
                    facts.watch.queues.seen.lock().unwrap_or_else(PoisonError::into_inner);
                let asked = Some(Instant::now());
                *seen = Seen { queues: Some(queues), asked, is_under_way: false };
            });
        }
        seen.clone()
    }

    /// A change was made: what was seen is of the past.
    fn look_again(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).asked = None;
    }
}

async fn depths(backend: &dyn QueueBackend) -> Result<BTreeMap<String, QueueDepth>, Unavailable> {
    let names = backend.list().await?;
    let depths = stream::iter(names.into_iter().take(QUEUES_MAX)).map(|name| async move {
        let depth = backend.open(name.clone(), QueueOptions::default()).depth().await?;
        Ok((name.to_string(), depth))
    });
    depths.buffer_unordered(ASKED_AT_ONCE).try_collect().await
}

/// The queues as they are shown: as the store has them, else as workers report them.
pub(super) fn shown(
    facts: &web::Data<Facts>,
    reported: &[QueuePicture],
) -> (Vec<QueueRow>, QueueStore) {
    let queues = &facts.watch.queues;
    let seen = queues.look(facts);
    let (state, advice) = match (&queues.backend, &seen.queues) {
        (None, _) => (QueueStoreState::None, Some(UNSET.to_owned())),
        (Some(_), Some(Err(error))) => {
            let advice = format!("The store of queues does not answer: {error}");
            (QueueStoreState::Unreachable, Some(advice))
        }
        (Some(_), _) => (QueueStoreState::Reachable, None),
    };
    let stored = match seen.queues {
        Some(Ok(queues)) => Some(queues),
        Some(Err(_)) | None => None,
    };
    let mut rows: BTreeMap<String, QueueRow> = BTreeMap::new();
    for queue in reported {
        // One that holds nothing is not listed by the store, and is there all the same.
        let is_empty = stored.is_some() && !queue.in_process;
        let row = if is_empty { row(&queue.queue, &QueueDepth::default()) } else { said(queue) };
        rows.insert(queue.queue.clone(), row);
    }
    for (name, depth) in stored.iter().flatten() {
        rows.insert(name.clone(), row(name, depth));
    }
    (rows.into_values().collect(), QueueStore { state, advice })
}

fn row(name: &str, depth: &QueueDepth) -> QueueRow {
    QueueRow {
        queue: name.to_owned(),
        reachable: true,
        ready: depth.ready as u64,
        scheduled: depth.scheduled as u64,
        running: depth.running as u64,
        dead: depth.dead as u64,
        oldest_ready_ms: depth.oldest_ready_ms,
        paused: depth.is_paused,
    }
}

fn said(queue: &QueuePicture) -> QueueRow {
    QueueRow {
        queue: queue.queue.clone(),
        reachable: false,
        ready: queue.ready,
        scheduled: queue.scheduled,
        running: queue.running,
        dead: queue.dead,
        oldest_ready_ms: queue.oldest_ready_ms,
        paused: queue.is_paused,
    }
}

// === requests ===

pub(super) async fn dead(facts: web::Data<Facts>, path: web::Path<String>) -> HttpResponse {
    let queue = match find(&facts, &path) {
        Ok((_, queue)) => queue,
        Err(problem) => return *problem,
    };
    let asked = async {
        let jobs = queue.peek(Section::Dead, None, DEAD_MAX).await?;
        Ok::<_, Unavailable>((jobs, queue.depth().await?.dead))
    };
    match within(asked).await {
        Ok((jobs, all)) => {
            let more = all.saturating_sub(jobs.len());
            HttpResponse::Ok().json(DeadLetters { dead: jobs.iter().map(dead_row).collect(), more })
        }
        Err(problem) => problem,
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
    match within(queue.retry_dead(Some(id), 1)).await {
        Ok(0) => {
            let message = "there is no such dead letter any more, or its queue has no room";
            routes::problem(StatusCode::CONFLICT, "not_retried", message)
        }
        Ok(retried) => {
            log::info!(target: "meshwork::audit", "job {id} of {name} is run again, by HTTP");
            moved(&facts, retried)
        }
        Err(problem) => problem,
    }
}

pub(super) async fn retry_all(facts: web::Data<Facts>, path: web::Path<String>) -> HttpResponse {
    let (name, queue) = match find(&facts, &path) {
        Ok(found) => found,
        Err(problem) => return *problem,
    };
    let all = async {
        // Those that are there now: one that dies again meanwhile is not tried for ever.
        let dead = queue.depth().await?.dead;
        let mut retried = 0;
        while retried < dead {
            let limit = MOVED_AT_ONCE.min(dead - retried);
            match queue.retry_dead(None, limit).await? {
                0 => break,
                moved => retried += moved,
            }
        }
        Ok::<_, Unavailable>(retried)
    };
    match within(all).await {
        Ok(retried) => {
            log::info!(
                target: "meshwork::audit",
                "{retried} dead letters of {name} are run again, by HTTP"
            );
            moved(&facts, retried)
        }
        Err(problem) => problem,
    }
}

fn moved(facts: &Facts, retried: usize) -> HttpResponse {
    facts.watch.queues.look_again();
    HttpResponse::Ok().json(Retried { retried })
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

async fn within<T>(asked: impl Future<Output = Result<T, Unavailable>>) -> Result<T, HttpResponse> {
    let unavailable = |message: &str| {
        routes::problem(StatusCode::SERVICE_UNAVAILABLE, "queue_unavailable", message)
    };
    match timeout(WITHIN, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(unavailable(&error.to_string())),
        Err(_) => {
            Err(unavailable("the store of queues does not answer; what was asked may be done"))
        }
    }
}
