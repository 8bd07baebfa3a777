//! Lanes: the threads that link tasks run on, each with a runtime of its own. With zero lanes a
//! link's task runs in the runtime of whoever made the link (the simulation, and programs that want
//! callers and sockets on one thread).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::limits::Limits;

/// A lane that has not shown itself for this long is held up by a handler, at the latest.
const HELD_UP_AFTER_MAX: Duration = Duration::from_secs(2);

/// A lane that is held up is vouched for this often, at least.
const VOUCH_EVERY_MAX: Duration = Duration::from_secs(1);

/// A lane shows itself so many times in what makes it one that is held up.
const BEATS: u32 = 4;

/// Lanes of a process, at most; more buy nothing, since one lane seals over a gigabyte a second.
pub const LANES_MAX: usize = 4;

/// The lanes of a process. Dropping them stops their threads once the links on them are over.
pub struct Lanes {
    lanes: Vec<Lane>,
    stop: Vec<oneshot::Sender<()>>,
    next: AtomicUsize,
}

/// One lane.
#[derive(Clone)]
pub struct Lane {
    runtime: Handle,
    started: Instant,
    beat_ms: Arc<AtomicU64>,
    held_up_after: Duration,
}

/// How often lanes that are held up should be vouched for, where a peer that is silent for
/// `dead_after` is taken for dead: in that time a lane is found to be held up, and vouched for
/// twice.
pub fn vouch_every(dead_after: Duration) -> Duration {
    (dead_after / 4).min(VOUCH_EVERY_MAX)
}

impl Lanes {
    /// Starts `count` lanes, at most [`LANES_MAX`], for links with the usual limits.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub fn start(count: usize) -> std::io::Result<Self> {
        Self::start_with(count, Limits::default().dead_after)
    }

    /// The same for links whose peers are taken for dead after this silence.
    ///
    /// # Errors
    /// As [`Lanes::start`].
    pub fn start_with(count: usize, dead_after: Duration) -> std::io::Result<Self> {
        let held_up_after = (dead_after / 4).min(HELD_UP_AFTER_MAX);
        let mut lanes = Vec::new();
        let mut stop = Vec::new();
        for number in 0..count.min(LANES_MAX) {
            let (lane, stopper) = Lane::start(number, held_up_after)?;
            lanes.push(lane);
            stop.push(stopper);
        }
        Ok(Self { lanes, stop, next: AtomicUsize::new(0) })
    }

    /// As many as there are cores, at most [`LANES_MAX`].
    pub fn default_count() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from).min(LANES_MAX)
    }

    /// The lane for the next link, each in its turn; `None` with zero lanes.
    pub fn next(&self) -> Option<Lane> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.lanes.get(turn.checked_rem(self.lanes.len())?).cloned()
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        for stop in self.stop.drain(..) {
            // A lane that is gone needs no stop.
            let _ = stop.send(());
        }
    }
}

impl Lane {
    fn start(
        number: usize,
        held_up_after: Duration,
    ) -> std::io::Result<(Self, oneshot::Sender<()>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let beat_ms = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let (stop, stopped) = oneshot::channel();
        let beats = beat_ms.clone();
        std::thread::Builder::new().name(format!("meshwork-lane-{number}")).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stopped => {}
                    () = beat(started, held_up_after / BEATS, &beats) => {}
                }
            });
            // Give links that are closing a moment to say so.
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        Ok((Self { runtime: handle, started, beat_ms, held_up_after }, stop))
    }

    /// The lane's runtime, for tasks and sockets that belong to it.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// True when something on this lane has not let go for two seconds, or a quarter of the time
    /// after which peers take it for dead.
    pub fn is_held_up(&self, now: Instant) -> bool {
        let beat = self.started + Duration::from_millis(self.beat_ms.load(Ordering::Relaxed));
        now.saturating_duration_since(beat) > self.held_up_after
    }
}

async fn beat(started: Instant, every: Duration, beats: &AtomicU64) {
    loop {
        beats.store(started.elapsed().as_millis() as u64, Ordering::Relaxed);
        tokio::time::sleep(every).await;
    }
}
