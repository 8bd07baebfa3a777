//! When a queued command runs by itself: at an interval or by a cron expression.
//!
//! Due times are unix milliseconds, and the same for whoever computes them: an interval is counted
//! from the unix epoch, and a cron expression is read with the rules of time zones that are built
//! in, not with those of the machine.

use std::time::Duration;

use crate::cron::CronSchedule;

/// Shortest interval that a command can be repeated at.
pub const EVERY_MIN: Duration = Duration::from_secs(1);

/// When a queued command runs by itself, and what happens to the times that nobody was there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// When.
    pub schedule: Schedule,
    /// What about the missed times.
    pub missed: Missed,
}

/// Due times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// At each multiple of an interval since the unix epoch; never below [`EVERY_MIN`].
    Every(Duration),
    /// By a cron expression.
    Cron(CronSchedule),
}

/// What happens to due times that no instance was there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// They are left out.
    Skip,
    /// One job makes up for all of them.
    #[default]
    Once,
    /// Each has its job, up to a bound.
    All,
}

impl Schedule {
    /// The first due time after `unix_ms`; `None` past the end of the calendar.
    pub fn next_after(&self, unix_ms: u64) -> Option<u64> {
        match self {
            Self::Every(interval) => (unix_ms / step(*interval) + 1).checked_mul(step(*interval)),
            Self::Cron(cron) => cron.next_after(unix_ms),
        }
    }

    /// The last due time up to and with `unix_ms`; `None` if there was none.
    pub fn last_until(&self, unix_ms: u64) -> Option<u64> {
        match self {
            Self::Every(interval) => Some(unix_ms / step(*interval) * step(*interval)),
            Self::Cron(cron) => cron.last_until(unix_ms),
        }
    }
}

fn step(interval: Duration) -> u64 {
    u64::try_from(interval.max(EVERY_MIN).as_millis()).unwrap_or(u64::MAX)
}

impl Missed {
    /// The word for it in the schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_interval_is_counted_from_the_epoch() {
        let schedule = Schedule::Every(Duration::from_secs(300));
        assert_eq!(schedule.next_after(0), Some(300_000));
        assert_eq!(schedule.next_after(299_999), Some(300_000));
        assert_eq!(schedule.next_after(300_000), Some(600_000));
        assert_eq!(schedule.last_until(300_000), Some(300_000));
        assert_eq!(schedule.last_until(599_999), Some(300_000));
        assert_eq!(schedule.next_after(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn due_times_do_not_depend_on_when_one_looks(
            interval_ms in 1000u64..=86_400_000, at in 0u64..1 << 50,
        ) {
            let schedule = Schedule::Every(Duration::from_millis(interval_ms));
            let next = schedule.next_after(at).unwrap();
            let last = schedule.last_until(at).unwrap();
            prop_assert!(last <= at && at < next);
            prop_assert_eq!(next - last, interval_ms);
            prop_assert_eq!(schedule.next_after(last), Some(next));
            prop_assert_eq!(schedule.last_until(next - 1), Some(last));
        }
    }
}
