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
    last: Option<(JobId, u64)>,
    /// The latest death that was seen.
    died_unix_ms: u64,
    /// What died before that was told of.
    told_unix_ms: u64,
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
            let earliest = self.began_unix_ms.saturating_sub(BEFORE_START_MS);
            let note = |job: &JobSummary| self.note_found(&station, job);
            // A store that is away, or slow, is asked on from there the next time.
            let _ = timeout(LIST_WITHIN, station.looked.look(&*queue, depth, earliest, note)).await;
        }
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

/// Whether the dead letter that was seen last is there as it was; true if there was none.
async fn is_there(queue: &dyn Queue, last: Option<(JobId, u64)>) -> Result<bool, Unavailable> {
    let Some((id, died_unix_ms)) = last else { return Ok(true) };
    let letter = queue.dead_letter(id).await?;
    Ok(letter.is_some_and(|letter| letter.died_unix_ms == died_unix_ms))
}

/// Whether the process that ran it was gone before it could tell how that ended, at `since` or
/// later.
fn is_unheard(job: &JobSummary, since: u64) -> bool {
    let last = job.last.as_ref();
    job.since_unix_ms >= since && last.is_some_and(|last| last.error == AttemptError::LeaseExpired)
}

impl State {
    /// The one that was seen last is there no more, or died anew: from the start again.
    fn start_over(&mut self) {
        (self.last, self.told_unix_ms) = (None, self.died_unix_ms);
    }
}

impl Looked {
    /// Looks on from where the last look ended, a bounded way, and tells `note` of each that died
    /// with its process not before `earliest` and that it was not told of. One may be told twice
    /// that died in the same millisecond as another.
    async fn look(
        &self,
        queue: &dyn Queue,
        depth: &QueueDepth,
        earliest: u64,
        note: impl Fn(&JobSummary),
    ) -> Result<(), Unavailable> {
        let counted = Some((depth.dead, depth.dead_dropped));
        let mut state = self.get();
        if state.counted == counted || depth.dead == 0 {
            return Ok(());
        }
        if !is_there(queue, state.last).await? {
            state.start_over();
        }
        for _ in 0..PAGES_MAX {
            let page = queue.peek(Section::Dead, state.last.map(|(id, _)| id), PAGE_JOBS).await?;
            let since = earliest.max(state.told_unix_ms);
            page.iter().filter(|job| is_unheard(job, since)).for_each(&note);
            let is_end = match page.last() {
                Some(newest) => {
                    state.last = Some((newest.id, newest.since_unix_ms));
                    state.died_unix_ms = state.died_unix_ms.max(newest.since_unix_ms);
                    page.len() < PAGE_JOBS
                }
                None => is_there(queue, state.last).await?,
            };
            if is_end {
                state.counted = counted;
            } else if page.is_empty() {
                state.start_over();
            }
            self.set(state);
            if is_end {
                break;
            }
        }
        Ok(())
    }

    fn get(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

#[cfg(feature = "file")]
#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::ops::Range;

    use meshwork_queue::{FileBackend, NewJob, QueueBackend, QueueName, QueueOptions};
    use meshwork_shared::clock::Clock;
    use meshwork_shared::codec::Codec;
    use meshwork_shared::random::Random;

    use super::*;

    fn job(number: u32) -> NewJob {
        let (caller, variant) = ("w".parse().unwrap(), "pod-1".parse().unwrap());
        let id = [number.to_be_bytes(); 4].concat().try_into().unwrap();
        NewJob::new(JobId(id), caller, variant, Codec::Json, "1")
    }

    /// Leases those jobs, and whatever else waits, and never comes back to them.
    async fn die(queue: &dyn Queue, numbers: Range<u32>) {
        queue.enqueue(numbers.map(job).collect()).await;
        while queue.depth().await.unwrap().ready > 0 {
            queue.lease("pod-2#7", 1000).await;
        }
        while queue.depth().await.unwrap().running > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How often each was told of by this look.
    async fn look(looked: &Looked, queue: &dyn Queue) -> BTreeMap<JobId, usize> {
        let told = RefCell::new(BTreeMap::new());
        let note = |job: &JobSummary| *told.borrow_mut().entry(job.id).or_default() += 1;
        let depth = queue.depth().await.unwrap();
        looked.look(queue, &depth, 0, note).await.unwrap();
        told.into_inner()
    }

    #[tokio::test]
    async fn each_that_died_is_told_of_once() {
        // More than one look sees, and whole pages.
        const DEAD: u32 = 2000;
        let folder = tempfile::tempdir().unwrap();
        let address = format!("file:{}?sync=normal", folder.path().join("jobs.db").display());
        let backend =
            FileBackend::open(address.parse().unwrap(), Random::system(), Clock::system()).unwrap();
        let name = QueueName::balanced("w".parse().unwrap(), "c".parse().unwrap());
        let lease = Duration::from_millis(50);
        let queue = backend.open(name, QueueOptions { attempts: 1, lease, ..Default::default() });
        die(&*queue, 0..DEAD).await;

        let looked = Looked::default();
        let (first, second) = (look(&looked, &*queue).await, look(&looked, &*queue).await);
        assert_eq!((first.len(), second.len()), (1000, 1000), "a look goes a bounded way");
        assert!(first.values().chain(second.values()).all(|times| *times == 1));
        assert!(first.keys().all(|id| !second.contains_key(id)));
        for _ in 0..3 {
            assert!(look(&looked, &*queue).await.is_empty(), "all are told of");
        }

        // The one that was seen last is there no more: it runs again, and dies of it.
        let before = looked.get();
        let last = before.last.unwrap().0;
        assert_eq!(queue.peek(Section::Dead, Some(last), 1).await.unwrap(), []);
        assert_eq!(queue.retry_dead(Some(last), 1).await, Ok(1));
        die(&*queue, DEAD..DEAD + 3).await;
        let mut news = BTreeMap::new();
        for _ in 0..6 {
            for (id, times) in look(&looked, &*queue).await {
                *news.entry(id).or_insert(0) += times;
            }
        }
        let expected = (DEAD..DEAD + 3).map(|number| job(number).id).chain([last]);
        assert!(expected.clone().all(|id| news.get(&id) == Some(&1)), "{news:?}");
        // Of those from before only what died in the very same millisecond as the last.
        let newest = queue.peek(Section::Dead, None, 4096).await.unwrap();
        let same = newest.iter().filter(|job| job.since_unix_ms == before.died_unix_ms);
        assert!(news.len() <= expected.count() + same.count(), "{} are told of", news.len());
    }
}
