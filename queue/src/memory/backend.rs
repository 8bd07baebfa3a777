//! The shell around [`MemoryQueue`]: its lock, its clocks, and the waiting.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use meshwork_shared::clock::Clock;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::queue::{MemoryQueue, Now};
use crate::backend::QueueBackend;
use crate::error::{EnqueueError, FinishError};
use crate::job::{DeadLetter, Finished, JobEnd, Lease, LeaseToken, NewJob, QueueDepth};
use crate::options::QueueOptions;

/// A queue in the memory of this process. Share it by `Arc`; every operation is a short lock.
pub struct MemoryBackend {
    queue: Mutex<MemoryQueue>,
    /// Told at each change, so that those who wait look again.
    changed: Notify,
    clock: Clock,
}

impl MemoryBackend {
    /// An empty queue. `random` draws job ids and the jitter of waits; `clock` dates histories.
    pub fn new(options: QueueOptions, random: Random, clock: Clock) -> Self {
        let queue = Mutex::new(MemoryQueue::new(options, random));
        Self { queue, changed: Notify::new(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, MemoryQueue> {
        // No operation of the core leaves it half changed, so that it is usable after a panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now { instant: Instant::now(), unix_ms: self.clock.unix_ms() }
    }
}

impl QueueBackend for MemoryBackend {
    async fn enqueue(&self, job: NewJob) -> Result<JobId, EnqueueError> {
        let stored = self.lock().enqueue(job, self.now());
        self.changed.notify_waiters();
        stored
    }

    async fn lease(&self) -> Lease {
        loop {
            // Made before the look at the queue: a change in between is not missed.
            let changed = self.changed.notified();
            let wake = {
                let mut queue = self.lock();
                if let Some(lease) = queue.lease(self.now()) {
                    drop(queue);
                    // The end of this lease is something that others have to wait for now.
                    self.changed.notify_waiters();
                    return lease;
                }
                queue.next_wake()
            };
            match wake {
                None => changed.await,
                Some(wake) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = sleep_until(wake) => {}
                },
            }
        }
    }

    async fn finish(&self, token: LeaseToken, end: JobEnd) -> Result<Finished, FinishError> {
        let finished = self.lock().finish(token, end, self.now());
        self.changed.notify_waiters();
        finished
    }

    async fn depth(&self) -> QueueDepth {
        let mut queue = self.lock();
        queue.advance(self.now());
        queue.depth()
    }

    async fn dead_letters(&self, limit: usize) -> Vec<DeadLetter> {
        let mut queue = self.lock();
        queue.advance(self.now());
        queue.dead_letters().take(limit).cloned().collect()
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend").field("depth", &self.lock().depth()).finish()
    }
}
