//! Which jobs a command that runs by itself needs now, and when to look again.
//!
//! Pure: whoever runs it asks [`Queue::last_due`](crate::Queue::last_due), makes a [`plan`], hands
//! each due time of it to [`Queue::enqueue_due`](crate::Queue::enqueue_due), oldest first, and
//! comes back when the next one is due. Any number of instances may do that at once: the queue
//! stores one job for each due time, and their clocks may differ.

use std::time::Duration;

use meshwork_schema::{Missed, Repeat};

use crate::limits::MISSED_JOBS_MAX;

/// How late a due time may be noticed and still count as kept.
pub const LATE_MAX: Duration = Duration::from_secs(30);

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Due times that need a job, oldest first, unix milliseconds.
    pub due: Vec<u64>,
    /// Due times before them that get none: too long ago, or too many. Counted up to
    /// [`MISSED_JOBS_MAX`].
    pub skipped: usize,
    /// When the next time is due, unix milliseconds; `None` past the end of the calendar.
    pub next: Option<u64>,
}

/// What a command needs at `now_unix_ms`, if its last job was that of `last_due`. Where there was
/// none yet, nothing counts as missed.
///
/// ```
/// use std::time::Duration;
/// use meshwork_queue::repeat::plan;
/// use meshwork_schema::{Missed, Repeat, Schedule};
///
/// let schedule = Schedule::Every(Duration::from_secs(60));
/// let repeat = Repeat { schedule, missed: Missed::Once };
/// let plan = plan(&repeat, Some(60_000), 200_000);
/// assert_eq!((plan.due, plan.next), (vec![180_000], Some(240_000)));
/// ```
pub fn plan(repeat: &Repeat, last_due: Option<u64>, now_unix_ms: u64) -> Plan {
    // A clock that is ahead may have been here before: its next time is not ours.
    let from = last_due.map_or(now_unix_ms, |last| last.max(now_unix_ms));
    let next = repeat.schedule.next_after(from);
    let Some(last) = last_due else { return Plan { next, ..Plan::default() } };
    // One more than can be used, to know whether some are left out.
    let mut open = newest(repeat, last, now_unix_ms, MISSED_JOBS_MAX + 1);
    let (found, wanted) = (open.len(), wanted(repeat.missed, &open, now_unix_ms));
    open.truncate(wanted);
    open.reverse();
    Plan { skipped: found - open.len(), due: open, next }
}

/// Due times after `last` up to `now_unix_ms`, newest first, at most `count`.
fn newest(repeat: &Repeat, last: u64, now_unix_ms: u64, count: usize) -> Vec<u64> {
    let before = |due: &u64| due.checked_sub(1).and_then(|to| repeat.schedule.last_until(to));
    let first = repeat.schedule.last_until(now_unix_ms);
    std::iter::successors(first, before).take_while(|due| *due > last).take(count).collect()
}

/// How many of the open times get a job, newest first.
fn wanted(missed: Missed, newest_first: &[u64], now_unix_ms: u64) -> usize {
    let late_ms = u64::try_from(LATE_MAX.as_millis()).unwrap_or(u64::MAX);
    match missed {
        Missed::Skip => {
            let newest = newest_first.first();
            usize::from(newest.is_some_and(|due| now_unix_ms.saturating_sub(*due) <= late_ms))
        }
        Missed::Once => newest_first.len().min(1),
        Missed::All => newest_first.len().min(MISSED_JOBS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use meshwork_schema::{CronSchedule, Schedule};
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000;

    fn minutely(missed: Missed) -> Repeat {
        Repeat { schedule: Schedule::Every(Duration::from_secs(60)), missed }
    }

    #[test]
    fn the_first_look_only_waits() {
        for missed in [Missed::Skip, Missed::Once, Missed::All] {
            let first = plan(&minutely(missed), None, 90 * MINUTE + 1);
            assert_eq!(first, Plan { due: vec![], skipped: 0, next: Some(91 * MINUTE) });
        }
    }

    #[test]
    fn a_time_that_has_come_gets_its_job() {
        for missed in [Missed::Skip, Missed::Once, Missed::All] {
            for late_ms in [0, 20, 29_000] {
                let now = 91 * MINUTE + late_ms;
                let due = plan(&minutely(missed), Some(90 * MINUTE), now);
                let next = Some(92 * MINUTE);
                assert_eq!(due, Plan { due: vec![91 * MINUTE], skipped: 0, next }, "{missed:?}");
            }
        }
    }

    #[test]
    fn missed_times_are_treated_as_said() {
        let now = 95 * MINUTE + 40_000;
        let due = |missed| plan(&minutely(missed), Some(90 * MINUTE), now).due;
        assert_eq!(due(Missed::Skip), [0; 0], "all are too long ago");
        assert_eq!(due(Missed::Once), [95 * MINUTE]);
        let all: Vec<u64> = (91..=95).map(|minute| minute * MINUTE).collect();
        assert_eq!(due(Missed::All), all);
        let on_time = plan(&minutely(Missed::Skip), Some(90 * MINUTE), 95 * MINUTE);
        assert_eq!((on_time.due, on_time.skipped), (vec![95 * MINUTE], 4));
    }

    #[test]
    fn a_long_absence_is_bounded() {
        let plan = plan(&minutely(Missed::All), Some(0), 1_000_000 * MINUTE);
        assert_eq!(plan.due.len(), MISSED_JOBS_MAX);
        assert_eq!(plan.due.last(), Some(&(1_000_000 * MINUTE)), "the newest are kept");
        assert!(plan.due.is_sorted());
        assert_eq!(plan.skipped, 1);
    }

    #[test]
    fn a_clock_behind_waits_for_the_next_one() {
        let behind = plan(&minutely(Missed::All), Some(91 * MINUTE), 91 * MINUTE - 2000);
        assert_eq!(behind, Plan { due: vec![], skipped: 0, next: Some(92 * MINUTE) });
    }

    #[test]
    fn a_missed_night_is_made_up_for() {
        let schedule = Schedule::Cron(CronSchedule::new("0 3 * * *", "Europe/Berlin").unwrap());
        let day = 24 * 60 * MINUTE;
        // 1 January 2026, 2:00 in universal time.
        let last = 1_767_232_800_000;
        let repeat = Repeat { schedule, missed: Missed::Once };
        let plan = plan(&repeat, Some(last), last + 3 * day + MINUTE);
        assert_eq!(plan.due, [last + 3 * day]);
        assert_eq!((plan.skipped, plan.next), (2, Some(last + 4 * day)));
    }

    proptest! {
        /// Instances with clocks of their own look at random times; each due time has one job at
        /// most, and with `all` at least one.
        #[test]
        fn each_due_time_has_its_job(
            looks in prop::collection::vec((0u64..30_000, 0u64..2000), 1..80),
        ) {
            let repeat = minutely(Missed::All);
            let (mut last, mut stored) = (Some(90 * MINUTE), Vec::new());
            let mut now = 90 * MINUTE;
            for (passed, ahead) in looks {
                now += passed;
                for due in plan(&repeat, last, now + ahead).due {
                    if last.is_none_or(|last| due > last) {
                        stored.push(due);
                        last = Some(due);
                    }
                }
            }
            let expected: Vec<u64> =
                (91..).map(|minute| minute * MINUTE).take(stored.len()).collect();
            prop_assert_eq!(&stored, &expected);
            prop_assert!(stored.len() as u64 + 1 >= (now - 90 * MINUTE) / MINUTE);
        }
    }
}
