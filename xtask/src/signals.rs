//! Whether we were asked to stop: Ctrl-C, `kill`, or a terminal that was closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register;

/// How often we look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why something stopped before its end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Ctrl-C, or another signal that asks us to stop.
    Interrupted,
    /// What went wrong, and where to look.
    Failed(String),
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// Exit code of a program that Ctrl-C ended.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// The signals that came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    came: Arc<AtomicBool>,
}

impl Signals {
    /// Watches from now on; none of the signals ends this process by itself any more.
    pub(crate) fn watch() -> Result<Self, String> {
        let signals = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            register(signal, signals.came.clone())
                .map_err(|error| format!("signals cannot be watched: {error}"))?;
        }
        Ok(signals)
    }

    /// Looks again and again until `look` sees something, at most for `within`; `None` if it never
    /// did.
    ///
    /// # Errors
    /// A signal came, or `look` failed.
    pub(crate) fn wait<T>(
        &self,
        within: Duration,
        mut look: impl FnMut() -> Result<Option<T>, Trouble>,
    ) -> Result<Option<T>, Trouble> {
        for _ in 0..=within.as_millis() / LOOK_EVERY.as_millis() {
            if self.came.load(Ordering::Relaxed) {
                return Err(Trouble::Interrupted);
            }
            if let Some(seen) = look()? {
                return Ok(Some(seen));
            }
            sleep(LOOK_EVERY);
        }
        Ok(None)
    }
}

/// As [`Signals::wait`], when we are stopping already and no signal can change that.
pub(crate) fn wait<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..=within.as_millis() / LOOK_EVERY.as_millis() {
        if let Some(seen) = look() {
            return Some(seen);
        }
        sleep(LOOK_EVERY);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_ends_every_wait() {
        let signals = Signals::default();
        assert_eq!(signals.wait(LOOK_EVERY, || Ok(Some(1))).unwrap(), Some(1));
        assert_eq!(signals.wait(LOOK_EVERY, || Ok(None::<u8>)).unwrap(), None);
        signals.came.store(true, Ordering::Relaxed);
        let waited = signals.wait(Duration::from_secs(3600), || Ok(None::<u8>));
        assert!(matches!(waited, Err(Trouble::Interrupted)));
    }
}
