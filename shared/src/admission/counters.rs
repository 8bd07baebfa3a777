//! How the handshakes of a process ended, by cause.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::Paced;

/// Every end that a handshake can have, sorted.
const CAUSES: [&str; 19] = [
    "accept_error",
    "accepted",
    "closed",
    "evicted",
    "flags",
    "introduction",
    "kind",
    "length",
    "low_order",
    "magic",
    "oneself",
    "out_of_order",
    "rate",
    "silent",
    "slow",
    "unknown_psk",
    "unproven",
    "version",
    "wrong_psk",
];

/// Counts the ends of inbound handshakes by cause, and says when one is to be logged.
///
/// ```
/// use meshwork_shared::admission::HandshakeCounters;
///
/// let counters = HandshakeCounters::default();
/// let now = tokio::time::Instant::now();
/// assert_eq!(counters.count("magic", now), Some(1)); // log a line that stands for one
/// assert_eq!(counters.count("magic", now), None); // within the second: only counted
/// assert_eq!(counters.of("magic"), 2);
/// assert!(counters.by_cause().contains(&("magic", 2)));
/// ```
#[derive(Debug, Default)]
pub struct HandshakeCounters {
    rows: [Row; CAUSES.len()],
}

#[derive(Debug, Default)]
struct Row {
    count: AtomicU64,
    line: Mutex<Paced>,
}

impl HandshakeCounters {
    /// Counts one end. `Some(n)` at most once a second for each cause: log a line that stands for
    /// the `n` ends since the last one. A cause that is not known counts nothing.
    pub fn count(&self, cause: &str, now: Instant) -> Option<u64> {
        let row = self.row(cause)?;
        row.count.fetch_add(1, Ordering::Relaxed);
        row.line.lock().unwrap_or_else(PoisonError::into_inner).note(now)
    }

    /// How often `cause` was counted; 0 if it is not known.
    pub fn of(&self, cause: &str) -> u64 {
        self.row(cause).map_or(0, |row| row.count.load(Ordering::Relaxed))
    }

    /// Every cause with its count since the start, sorted by cause; also those at 0.
    pub fn by_cause(&self) -> Vec<(&'static str, u64)> {
        let counts = self.rows.iter().map(|row| row.count.load(Ordering::Relaxed));
        CAUSES.into_iter().zip(counts).collect()
    }

    fn row(&self, cause: &str) -> Option<&Row> {
        let at = CAUSES.binary_search(&cause).ok()?;
        self.rows.get(at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::handshake::{HandshakeError, IntroductionError};
    use crate::link::accept::AcceptError;

    #[test]
    fn the_causes_are_sorted_and_complete() {
        assert!(CAUSES.is_sorted());
        let introduction = IntroductionError::Order;
        let errors = [
            HandshakeError::Magic,
            HandshakeError::Version { version: 2 },
            HandshakeError::Kind { kind: 3 },
            HandshakeError::Flags,
            HandshakeError::Length { message: 1, length: 0 },
            HandshakeError::UnknownPsk,
            HandshakeError::Unproven { message: 1 },
            HandshakeError::Unproven { message: 3 },
            HandshakeError::LowOrder,
            HandshakeError::Oneself,
            HandshakeError::Introduction { message: 3, cause: introduction },
            HandshakeError::OutOfOrder,
        ];
        let errors = errors.map(AcceptError::Handshake);
        let others = [AcceptError::Silent, AcceptError::Slow, AcceptError::Closed];
        for error in errors.into_iter().chain(others) {
            assert!(CAUSES.contains(&error.cause()), "{error:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_a_second_stands_for_all_since_the_last() {
        let counters = HandshakeCounters::default();
        assert_eq!(counters.count("silent", Instant::now()), Some(1));
        for _ in 0..1000 {
            assert_eq!(counters.count("silent", Instant::now()), None);
        }
        assert_eq!(counters.count("closed", Instant::now()), Some(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(counters.count("silent", Instant::now()), Some(1001));
        assert_eq!(counters.of("silent"), 1002);
        assert_eq!(counters.count("no such", Instant::now()), None);
    }
}
