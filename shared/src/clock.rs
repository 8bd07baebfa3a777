//! Unix time, passed in wherever it is needed: the simulation gives each host a clock of its own,
//! which may be wrong. Instants and timers come from tokio's clock instead.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Tells unix time. Clones tell the same time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Clock {
    /// The clock of the operating system.
    pub fn system() -> Self {
        Self::from_fn(|| {
            // The one place that may ask the system.
            #[allow(clippy::disallowed_methods)]
            let now = std::time::SystemTime::now();
            now.duration_since(UNIX_EPOCH).unwrap_or_default()
        })
    }

    /// A clock that asks `now` for the time since the unix epoch.
    pub fn from_fn(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// A clock that stands still at `seconds`; for tests.
    pub fn fixed(seconds: u64) -> Self {
        Self::from_fn(move || Duration::from_secs(seconds))
    }

    /// Milliseconds since the unix epoch.
    pub fn unix_ms(&self) -> u64 {
        (self.0)().as_millis() as u64
    }

    /// Seconds since the unix epoch.
    pub fn unix_seconds(&self) -> u64 {
        (self.0)().as_secs()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({} s)", self.unix_seconds())
    }
}
