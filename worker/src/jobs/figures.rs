//! What is counted of jobs on this instance, and how full its queues are.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use meshwork_queue::{QueueDepth, QueueName};
use meshwork_shared::admission::Paced;
use serde::Serialize;
use tokio::time::Instant;

use super::Jobs;
use super::event::JobEventKind;
use super::found::Looked;
use crate::worker::Worker;

/// How long a store may take to say how full a queue is.
const DEPTH_WITHIN: Duration = Duration::from_secs(2);

/// One queue that this instance serves. Counts only grow, from the start of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobFigures {
    /// The queue.
    pub queue: QueueName,
    /// What is in it, of all instances; `None` when its store did not answer.
    pub depth: Option<QueueDepth>,
    /// Runs on this instance that are not over.
    pub running: usize,
    /// Runs that began here.
    pub started: u64,
    /// Runs that succeeded here.
    pub done: u64,
    /// Runs that failed here and were followed by another.
    pub retried: u64,
    /// Runs that failed here and were the last of their job.
    pub dead: u64,
    /// Runs whose job was given to somebody else.
    pub lost: u64,
}

/// The counts of one served queue.
pub(super) struct Station {
    pub(super) queue: QueueName,
    running: AtomicUsize,
    started: AtomicU64,
    done: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
    lost: AtomicU64,
    /// The line of the audit log about jobs that may not run.
    audited: Mutex<Paced>,
    /// How far its dead letters were looked through.
    pub(super) looked: Looked,
}

/// One run that is not over; over when dropped.
pub(super) struct Counted(Arc<Station>);

impl Station {
    pub(super) fn new(queue: QueueName) -> Self {
        Self {
            queue,
            running: AtomicUsize::new(0),
            started: AtomicU64::new(0),
            done: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            audited: Mutex::default(),
            looked: Looked::default(),
        }
    }

    /// Whether the audit log is to be told of a refused job now, and how many it was not told of
    /// since the last one.
    pub(super) fn audit(&self, now: Instant) -> Option<u64> {
        let mut audited = self.audited.lock().unwrap_or_else(PoisonError::into_inner);
        audited.note(now).map(|times| times - 1)
    }

    pub(super) fn begin(self: &Arc<Self>) -> Counted {
        self.running.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    pub(super) fn count(&self, what: &JobEventKind) {
        let counter = match what {
            JobEventKind::Started => &self.started,
            JobEventKind::Done => &self.done,
            JobEventKind::Retried { .. } => &self.retried,
            JobEventKind::Dead { .. } => &self.dead,
            JobEventKind::LeaseLost => &self.lost,
            JobEventKind::Released => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn figures(&self, depth: Option<QueueDepth>) -> JobFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        JobFigures {
            queue: self.queue.clone(),
            depth,
            running: self.running.load(Ordering::Relaxed),
            started: read(&self.started),
            done: read(&self.done),
            retried: read(&self.retried),
            dead: read(&self.dead),
            lost: read(&self.lost),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Jobs {
    /// The figures of all queues that this instance serves, by command.
    pub(crate) async fn figures(&self, worker: &Worker) -> Vec<JobFigures> {
        let stations: Vec<_> = {
            let stations = self.stations.lock().unwrap_or_else(PoisonError::into_inner);
            stations.values().cloned().collect()
        };
        let handlers = worker.inner().handlers();
        let asked = stations.into_iter().map(|station| {
            let command = station.queue.command.as_str();
            let served = handlers.as_ref().and_then(|all| all.find(command));
            let queue = served.map(|served| self.open(&station.queue, &served.schema));
            async move {
                let depth = match queue {
                    Some(queue) => tokio::time::timeout(DEPTH_WITHIN, queue.depth())
                        .await
                        .ok()
                        .and_then(Result::ok),
                    None => None,
                };
                station.figures(depth)
            }
        });
        join_all(asked).await
    }
}
