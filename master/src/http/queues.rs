//! The queues of the workers, where the master reaches their store: how full they are, for the
//! picture.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::web;
use futures_util::{StreamExt, TryStreamExt, stream};
use meshwork_queue::{Queue, QueueBackend, QueueDepth, QueueName, QueueOptions, Unavailable};
use tokio::time::{Instant, timeout};

use super::Facts;
use super::dto::{QueueRow, QueueStore, QueueStoreState};
use crate::figures::QueuePicture;

/// Queues that are shown, at most: the first by name. The rest is counted.
const QUEUES_MAX: usize = 256;

/// Queues that are asked at a time.
const ASKED_AT_ONCE: usize = 16;

/// How often the store is asked while somebody looks.
const EVERY: Duration = Duration::from_secs(2);

/// How long it may take to answer.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// What to do when the master does not know where queues are.
pub(super) const UNSET: &str = "The master does not look at queues: set `queue` under [master], or \
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
    queues: Option<Result<Arc<Stored>, String>>,
    asked: Option<Instant>,
    is_under_way: bool,
}

/// What a store holds.
#[derive(Debug, Default)]
struct Stored {
    /// The first queues by name.
    depths: BTreeMap<String, QueueDepth>,
    /// The names of the others, which were not asked.
    others: BTreeSet<String>,
}

impl Queues {
    pub(crate) fn new(backend: Option<Arc<dyn QueueBackend>>) -> Self {
        Self { backend, seen: Mutex::default() }
    }

    pub(super) fn queue(&self, name: &QueueName) -> Option<Arc<dyn Queue>> {
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
                let queues = match timeout(WITHIN, stored(&*backend)).await {
                    Ok(Ok(stored)) => Ok(Arc::new(stored)),
                    Ok(Err(error)) => Err(error.to_string()),
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
    pub(super) fn look_again(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).asked = None;
    }
}

async fn stored(backend: &dyn QueueBackend) -> Result<Stored, Unavailable> {
    let names = backend.list().await?.into_iter().map(|name| (name.to_string(), name));
    // By the name as it is shown, which is not the order of the list.
    let mut names: BTreeMap<String, QueueName> = names.collect();
    let others = names.keys().nth(QUEUES_MAX).cloned();
    let others = others.map(|first| names.split_off(&first)).unwrap_or_default();
    let depths = stream::iter(names).map(|(shown, name)| async move {
        let depth = backend.open(name, QueueOptions::default()).depth().await?;
        Ok::<_, Unavailable>((shown, depth))
    });
    let depths = depths.buffer_unordered(ASKED_AT_ONCE).try_collect().await?;
    Ok(Stored { depths, others: others.into_keys().collect() })
}

/// The queues as they are shown: as the store has them, else as workers report them; how many are
/// left out; and where the master looks.
pub(super) fn shown(
    facts: &web::Data<Facts>,
    reported: &[QueuePicture],
) -> (Vec<QueueRow>, usize, QueueStore) {
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
    let stored = seen.queues.as_ref().and_then(|stored| stored.as_deref().ok());
    let (rows, left_out) = rows(stored, reported);
    (rows, left_out, QueueStore { state, advice })
}

/// The first rows by name, and how many more there are. The store was asked for its first ones: of
/// those that are shown none is missing.
fn rows(stored: Option<&Stored>, reported: &[QueuePicture]) -> (Vec<QueueRow>, usize) {
    let mut rows: BTreeMap<&str, Option<QueueRow>> = BTreeMap::new();
    for queue in reported {
        // One that holds nothing is not listed by the store, and is there all the same.
        let is_empty = stored.is_some() && !queue.in_process;
        let row = if is_empty { row(&queue.queue, &QueueDepth::default()) } else { said(queue) };
        rows.insert(&queue.queue, Some(row));
    }
    if let Some(Stored { depths, others }) = stored {
        rows.extend(depths.iter().map(|(name, depth)| (name.as_str(), Some(row(name, depth)))));
        rows.extend(others.iter().map(|name| (name.as_str(), None)));
    }
    let left_out = rows.len().saturating_sub(QUEUES_MAX);
    (rows.into_values().take(QUEUES_MAX).flatten().collect(), left_out)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(name: String, in_process: bool) -> QueuePicture {
        QueuePicture { queue: name, in_process, ready: 3, ..QueuePicture::default() }
    }

    #[test]
    fn no_more_queues_are_shown_than_may_whoever_tells_of_them() {
        let names = |from: usize, to: usize| (from..to).map(|n| format!("w.c{n:04}"));
        let said: Vec<_> = names(100, 400).map(|name| reported(name, false)).collect();
        let (alone, left_out) = rows(None, &said);
        assert_eq!((alone.len(), left_out), (QUEUES_MAX, 300 - QUEUES_MAX));

        let depth = QueueDepth { ready: 7, ..QueueDepth::default() };
        let stored = Stored {
            depths: names(50, 50 + QUEUES_MAX).map(|name| (name, depth)).collect(),
            others: names(50 + QUEUES_MAX, 600).collect(),
        };
        let (both, left_out) = rows(Some(&stored), &said);
        assert_eq!((both.len(), left_out), (QUEUES_MAX, 550 - QUEUES_MAX));
        assert!(both.iter().all(|row| row.reachable && row.ready == 7), "as the store has them");
    }

    #[test]
    fn a_queue_that_its_store_does_not_list_is_empty_and_one_in_a_process_is_as_it_says() {
        let said = [reported("w.own".to_owned(), true), reported("w.store".to_owned(), false)];
        let (rows, left_out) = rows(Some(&Stored::default()), &said);
        let shown: Vec<_> = rows.iter().map(|row| (row.reachable, row.ready)).collect();
        assert_eq!((shown, left_out), (vec![(false, 3), (true, 0)], 0));
    }

    #[tokio::test]
    async fn a_store_is_asked_for_its_first_queues_as_they_are_named() {
        use meshwork_queue::MemoryBackend;
        use meshwork_shared::clock::Clock;
        use meshwork_shared::random::Random;
        let backend = MemoryBackend::new(Random::seeded(1), Clock::system());
        let mut opened = Vec::new();
        // `a-b.c` stands before `a.c`, but the worker `a` before `a-b`.
        for n in 0..QUEUES_MAX {
            for worker in ["a", "a-b"] {
                let name = QueueName::balanced(
                    worker.parse().unwrap(),
                    format!("c{n:04}").parse().unwrap(),
                );
                let queue = backend.open(name, QueueOptions::default());
                queue.set_paused(true).await.unwrap();
                opened.push(queue);
            }
        }
        let Stored { depths, others } = stored(&backend).await.unwrap();
        assert!(depths.len() == QUEUES_MAX && depths.keys().all(|name| name.starts_with("a-b.")));
        assert!(others.len() == QUEUES_MAX && others.iter().all(|name| name.starts_with("a.")));
    }
}
