//! The queues of this process, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, ready};
use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;

use super::queue::MemoryQueue;
use super::shell::Shell;
use crate::backend::{Queue, QueueBackend, Scope};
use crate::error::Unavailable;
use crate::limits::MEMORY_DEAD_LETTERS_MAX;
use crate::name::QueueName;
use crate::options::QueueOptions;

/// Queues in the memory of this process, gone with it. Share it by `Arc`.
pub struct MemoryBackend {
    random: Random,
    clock: Clock,
    queues: Mutex<BTreeMap<QueueName, Arc<Shell>>>,
}

impl MemoryBackend {
    /// No queues yet. `random` draws the jitter of waits; `clock` dates histories and says when
    /// a unix time has come.
    pub fn new(random: Random, clock: Clock) -> Self {
        Self { random, clock, queues: Mutex::new(BTreeMap::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<QueueName, Arc<Shell>>> {
        // The map is never half changed, so that it is usable after a panic.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self, is_meant: impl Fn(&Shell) -> bool) -> Vec<QueueName> {
        let all: Vec<(QueueName, Arc<Shell>)> =
            self.lock().iter().map(|(name, shell)| (name.clone(), shell.clone())).collect();
        all.into_iter().filter(|(_, shell)| is_meant(shell)).map(|(name, _)| name).collect()
    }
}

impl QueueBackend for MemoryBackend {
    fn scope(&self) -> Scope {
        Scope::Process
    }

    /// The options are those of the last one who opened the queue, but for how many dead letters
    /// it keeps: [`MEMORY_DEAD_LETTERS_MAX`] at most.
    fn open(&self, name: QueueName, mut options: QueueOptions) -> Arc<dyn Queue> {
        let letters_max = &mut options.limits.dead_letters_max;
        *letters_max = (*letters_max).min(MEMORY_DEAD_LETTERS_MAX);
        let mut queues = self.lock();
        let new = || {
            let queue = MemoryQueue::new(options, self.random.clone());
            Arc::new(Shell::new(queue, self.clock.clone()))
        };
        let shell = queues.entry(name).or_insert_with(new).clone();
        shell.set_options(options);
        shell
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        Box::pin(ready(Ok(self.names(|shell| !shell.is_unused()))))
    }

    fn list_empty(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        Box::pin(ready(Ok(self.names(Shell::is_unused))))
    }

    fn forget<'a>(&'a self, name: &'a QueueName) -> BoxFuture<'a, Result<bool, Unavailable>> {
        let mut queues = self.lock();
        // Held by nobody but the map; nobody else can get it meanwhile.
        let is_free = |shell: &Arc<Shell>| Arc::strong_count(shell) == 1 && shell.is_unused();
        let is_gone = queues.get(name).is_none_or(is_free);
        if is_gone {
            queues.remove(name);
        }
        Box::pin(ready(Ok(is_gone)))
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>> {
        let lost =
            "jobs are kept in the memory of each process: those that it has are lost with it";
        Box::pin(ready(Ok(vec![lost.to_owned()])))
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend").field("queues", &self.lock().len()).finish_non_exhaustive()
    }
}
