//! Time of a run: what has passed since its start, and the wall clocks that hosts derive from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use meshwork_shared::clock::Clock;

/// The unix time at which every run starts: a run knows nothing of today.
const STARTED_UNIX_MS: u64 = 1_800_000_000_000;

/// How much of a run has passed, to the step. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualTime(Arc<AtomicU64>);

impl VirtualTime {
    /// Time since the start of the run.
    pub(crate) fn now(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, now: Duration) {
        self.0.store(now.as_micros() as u64, Ordering::Relaxed);
    }

    /// A wall clock that is `skew` milliseconds off, for as long as that says so.
    pub(crate) fn clock(&self, skew: Arc<AtomicI64>) -> Clock {
        let time = self.clone();
        Clock::from_fn(move || {
            let right = STARTED_UNIX_MS + time.now().as_millis() as u64;
            let shown = right.saturating_add_signed(skew.load(Ordering::Relaxed));
            Duration::from_millis(shown)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_follows_time_and_its_skew() {
        let (time, skew) = (VirtualTime::default(), Arc::new(AtomicI64::new(-60_000)));
        let clock = time.clock(skew.clone());
        let before = clock.unix_ms();
        time.set(Duration::from_secs(5));
        assert_eq!(clock.unix_ms(), before + 5000);
        skew.store(0, Ordering::Relaxed);
        assert_eq!(clock.unix_ms(), before + 65_000);
    }
}
