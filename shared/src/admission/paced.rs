//! Lines of the log that somebody else could cause as often as they like.

use std::time::Duration;

use tokio::time::Instant;

/// A line is written at most once in this time.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Says when a line is due, and how many it stands for.
///
/// ```
/// use meshwork_shared::admission::Paced;
///
/// let mut paced = Paced::default();
/// let now = tokio::time::Instant::now();
/// assert_eq!(paced.note(now), Some(1)); // log a line that stands for one
/// assert_eq!(paced.note(now), None); // within the second: only counted
/// ```
#[derive(Debug, Default)]
pub struct Paced {
    told_at: Option<Instant>,
    untold: u64,
}

impl Paced {
    /// Notes that it happened. `Some(n)` at most once a second: log a line that stands for the `n`
    /// times since the last one.
    pub fn note(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told_at.is_some_and(|at| now < at + LOG_EVERY) {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}
