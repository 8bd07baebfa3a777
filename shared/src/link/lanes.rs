//! Lanes: the threads that link tasks run on, each with a runtime of its own. With zero lanes a
//! link's task runs in the runtime of whoever made the link (the simulation, and programs that want
//! callers and sockets on one thread).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How often a lane shows that it gets to run.
const BEAT: Duration = Duration::from_millis(500);

/// A lane that has not shown itself for this long is held up by a handler.
const HELD_UP_AFTER: Duration = Duration::from_secs(2);

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
}

impl Lanes {
    /// Starts `count` lanes, at most [`LANES_MAX`].
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub fn start(count: usize) -> std::io::Result<Self> {
        let mut lanes = Vec::new();
        let mut stop = Vec::new();
        for number in 0..count.min(LANES_MAX) {
            let (lane, stopper) = Lane::start(number)?;
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
    fn start(number: usize) -> std::io::Result<(Self, oneshot::Sender<()>)> {
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
                    () = beat(started, &beats) => {}
                }
            });
            // Give links that are closing a moment to say so.
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        Ok((Self { runtime: handle, started, beat_ms }, stop))
    }

    /// The lane's runtime, for tasks and sockets that belong to it.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// True when something on this lane has not let go for two seconds.
    pub fn is_held_up(&self, now: Instant) -> bool {
        let beat = self.started + Duration::from_millis(self.beat_ms.load(Ordering::Relaxed));
        now.saturating_duration_since(beat) > HELD_UP_AFTER
    }
}

async fn beat(started: Instant, beats: &AtomicU64) {
    loop {
        beats.store(started.elapsed().as_millis() as u64, Ordering::Relaxed);
        tokio::time::sleep(BEAT).await;
    }
}
