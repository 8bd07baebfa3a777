//! Jobs that died with the processes that ran them: nobody is left to tell of it, so whoever serves
//! their queue looks there. Every instance that serves it finds the same; the master tells of each
//! once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use meshwork_queue::{AttemptError, JobSummary, Queue, QueueDepth, Section, Unavailable};
use meshwork_shared::ids::JobId;
use meshwork_shared::protocol::FoundDead;
use tokio::time::timeout;

use super::Jobs;
use super::figures::{JobFigures, Station};
use crate::worker::Worker;

/// How long a store may take to list dead letters.
const LIST_WITHIN: Duration = Duration::from_secs(2);

/// Dead letters that are listed with one request.
const PAGE_JOBS: usize = 100;

/// Requests of one look at one queue; the next look goes on from there.
const PAGES_MAX: usize = 10;

/// A job that died so long before this process began to look is told of all the same: it may have
/// been the one that ran it before its restart, and clocks differ.
const BEFORE_START_MS: u64 = 60_000;

/// How far the dead letters of one queue were looked through.
#[derive(Debug, Default)]
pub(super) struct Looked(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// What the queue counted when it was last looked through: while it counts the same, nobody
    /// has died.
    counted: Option<(usize, u64)>,
    /// The last one that was seen, and when it died.
    last: Option<JobId>,
    died_unix_ms: u64,
}

impl Jobs {
    /// Looks for jobs that died with their processes, in the queues that this instance shares with
    /// others, and notes them for the master.
    pub(crate) async fn find_dead(&self, worker: &Worker, figures: &[JobFigures]) {
        let handlers = worker.inner().handlers();
        if self.is_in_process() {
            return;
        }
        for JobFigures { queue: name, depth, .. } in figures {
            let command = name.command.as_str();
            let station = {
                let stations = self.stations.lock().unwrap_or_else(PoisonError::into_inner);
                stations.get(command).cloned()
            };
            let served = handlers.as_ref().and_then(|all| all.find(command));
            let (Some(station), Some(served), Some(depth)) = (station, served, depth) else {
                continue;
            };
            let queue = self.open(name, &served.schema);
            // A store that is away is asked again next time.
            let _ = timeout(LIST_WITHIN, self.look_through(&station, &*queue, depth)).await;
        }
    }

    async fn look_through(
        &self,
        station: &Station,
        queue: &dyn Queue,
        depth: &QueueDepth,
    ) -> Result<(), Unavailable> {
        let counted = Some((depth.dead, depth.dead_dropped));
        let mut state = station.looked.get();
        if state.counted == counted || depth.dead == 0 {
            return Ok(());
        }
        // One that is seen twice does no harm: the master tells of it once.
        let earliest = self.began_unix_ms.saturating_sub(BEFORE_START_MS);
        let mut floor =
            if state.last.is_some() { earliest } else { earliest.max(state.died_unix_ms) };
        for _ in 0..PAGES_MAX {
            let mut page = queue.peek(Section::Dead, state.last, PAGE_JOBS).await?;
            if page.is_empty() && state.last.is_some() {
                // That one may be there no more: from the start again, by the time.
                floor = earliest.max(state.died_unix_ms);
                page = queue.peek(Section::Dead, None, PAGE_JOBS).await?;
            }
            let unheard = page.iter().filter(|job| job.since_unix_ms >= floor && is_unheard(job));
            unheard.for_each(|job| self.note_found(station, job));
            if let Some(newest) = page.last() {
                state.last = Some(newest.id);
                state.died_unix_ms = state.died_unix_ms.max(newest.since_unix_ms);
            }
            if page.len() < PAGE_JOBS {
                state.counted = counted;
                break;
            }
        }
        station.looked.set(state);
        Ok(())
    }

    fn note_found(&self, station: &Station, job: &JobSummary) {
        let Some(last) = &job.last else { return };
        // A consumer of another kind of process has no place in the mesh.
        let Ok(variant) = last.consumer.split('#').next().unwrap_or_default().parse() else {
            return;
        };
        let found = FoundDead { variant, died_unix_ms: job.since_unix_ms };
        let error = last.error.to_string();
        log::warn!("job {} of {} is dead: {error}", job.id, station.queue);
        self.died.add(&station.queue, job.id, last.attempt, &error, Some(found));
    }
}

/// Whether the process that ran it was gone before it could tell how that ended.
fn is_unheard(job: &JobSummary) -> bool {
    job.last.as_ref().is_some_and(|last| last.error == AttemptError::LeaseExpired)
}

impl Looked {
    fn get(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
