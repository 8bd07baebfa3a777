//! What is asked of a store when a worker starts.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use meshwork_queue::{MemoryBackend, Unavailable};

use super::*;

/// A shared store that is away for the first questions.
struct Away {
    within: MemoryBackend,
    left: AtomicUsize,
    asked: AtomicUsize,
}

impl QueueBackend for Away {
    fn scope(&self) -> Scope {
        Scope::Mesh
    }

    fn open(&self, name: QueueName, options: QueueOptions) -> Arc<dyn Queue> {
        self.within.open(name, options)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        self.within.list()
    }

    fn list_empty(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        self.within.list_empty()
    }

    fn forget<'a>(&'a self, name: &'a QueueName) -> BoxFuture<'a, Result<bool, Unavailable>> {
        self.within.forget(name)
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        Box::pin(async move {
            match left {
                0 => Ok(vec!["appendonly is off".to_owned()]),
                _ => Err(Unavailable { message: "no connection".to_owned() }),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_asked_for_its_settings_until_it_tells_them() {
    let within = MemoryBackend::new(Random::seeded(1), Clock::system());
    let store = Arc::new(Away { within, left: AtomicUsize::new(9), asked: AtomicUsize::new(0) });
    let (random, clock) = (Random::seeded(1), Clock::system());
    let jobs = Jobs::new(store.clone(), random, clock, Vec::new(), Duration::from_secs(600));
    jobs.warn().await;
    assert_eq!(store.asked.load(Ordering::Relaxed), 10);
}
