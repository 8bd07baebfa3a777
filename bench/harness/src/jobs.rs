//! Jobs through a queue: what a producer and a consumer do alike, whoever's queue it is, and what
//! they say. Both say `true` when they are ready; the producer then says [`Produced`], the consumer
//! [`Consumed`] whenever nothing came for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::{Outcome, child};

/// Enqueues that a producer has under way at once, and jobs that a consumer runs at once.
pub const AT_ONCE: usize = 64;

/// Time before the count begins, in which caches, connections and compilers of others settle.
pub const WARM_UP: Duration = Duration::from_millis(700);

/// Time after it, in which what it left is worked off.
pub const PAUSE: Duration = Duration::from_millis(800);

/// Without a job for so long, a consumer says how many it had.
const IDLE: Duration = Duration::from_millis(300);

/// How often it looks; so exact is the time of its last job.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The wait after a refusal, so that a full queue is not asked in circles.
const AGAIN: Duration = Duration::from_millis(1);

/// What a producer has done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Produced {
    /// Jobs that were stored in the warm-up.
    pub warm_up: u64,
    /// Jobs that were stored afterwards.
    pub jobs: u64,
    /// When the first of these was begun, unix microseconds.
    pub began_us: u64,
    /// When the last of these was stored, unix microseconds.
    pub ended_us: u64,
    /// Enqueues that did not succeed.
    pub failed: u64,
}

/// What a consumer has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Consumed {
    /// Jobs that have run and were acknowledged, since it started.
    pub jobs: u64,
    /// When the newest of these was, unix microseconds.
    pub ended_us: u64,
}

/// Microseconds since the unix epoch: the one clock that all processes share.
pub fn unix_us() -> u64 {
    // Nothing here is ever simulated.
    #[allow(clippy::disallowed_methods)]
    let now = std::time::SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

/// Produces with [`AT_ONCE`] enqueues under way, for the warm-up and then for `window`. `enqueue`
/// makes one and answers whether it is stored.
///
/// # Errors
/// A task panicked.
pub async fn produce<F>(
    window: Duration,
    enqueue: impl Fn() -> F + Clone + Send + 'static,
) -> Outcome<Produced>
where
    F: Future<Output = bool> + Send,
{
    child::say(&true)?;
    let (warm_up, _) = burst(WARM_UP, enqueue.clone()).await?;
    sleep(PAUSE).await;
    let began_us = unix_us();
    let (jobs, failed) = burst(window, enqueue).await?;
    Ok(Produced { warm_up, jobs, began_us, ended_us: unix_us(), failed })
}

/// Jobs that were stored within `window`, and enqueues that failed.
async fn burst<F>(
    window: Duration,
    enqueue: impl Fn() -> F + Clone + Send + 'static,
) -> Outcome<(u64, u64)>
where
    F: Future<Output = bool> + Send,
{
    let until = Instant::now() + window;
    let mut callers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let enqueue = enqueue.clone();
        callers.spawn(async move {
            let (mut stored, mut failed) = (0, 0);
            while Instant::now() < until {
                if enqueue().await {
                    stored += 1;
                } else {
                    failed += 1;
                    sleep(AGAIN).await;
                }
            }
            (stored, failed)
        });
    }
    let mut sum = (0, 0);
    while let Some(caller) = callers.join_next().await {
        let (stored, failed) = caller?;
        sum = (sum.0 + stored, sum.1 + failed);
    }
    Ok(sum)
}

/// Counts the jobs of a consumer, and does nothing else on their way: the clock is read aside.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more was acknowledged.
    pub fn done(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn jobs(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Says how many there were whenever nothing came for a while; never ends.
    ///
    /// # Errors
    /// The line does not encode; it does.
    pub async fn tell(&self) -> Outcome {
        let mut watch = Watch::default();
        loop {
            child::say(&watch.idle(self).await)?;
        }
    }
}

/// Watches a counter.
#[derive(Debug, Default)]
pub struct Watch {
    seen: Consumed,
    told: u64,
}

impl Watch {
    /// Waits until jobs came that were not told of, and then none for a while.
    pub async fn idle(&mut self, counter: &Counter) -> Consumed {
        loop {
            sleep(LOOK_EVERY).await;
            let (jobs, now_us) = (counter.jobs(), unix_us());
            if jobs > self.seen.jobs {
                self.seen = Consumed { jobs, ended_us: now_us };
            } else if jobs > self.told
                && now_us.saturating_sub(self.seen.ended_us) > IDLE.as_micros() as u64
            {
                self.told = jobs;
                return self.seen;
            }
        }
    }
}
