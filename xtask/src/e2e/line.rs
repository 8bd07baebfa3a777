//! The lines that the load of the thumbnails example prints, and what became of it between two.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use serde::Deserialize;

use crate::signals::{Signals, Trouble};

/// How often the newest line is read.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Calls of one kind, as `load --json` tells them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Calls {
    pub(super) started: u64,
    pub(super) held_back: u64,
    pub(super) repeated: u64,
    pub(super) under_way: u64,
    pub(super) answered: u64,
    pub(super) not_executed: u64,
    pub(super) failed: u64,
    pub(super) unknown: u64,
    pub(super) by: BTreeMap<String, u64>,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    /// How many took at most so many microseconds, and more than those before.
    pub(super) shape: Vec<(u64, u64)>,
}

/// Jobs, as `load --json` tells them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Jobs {
    pub(super) stored: u64,
    pub(super) refused: u64,
    pub(super) repeated: u64,
    pub(super) asked_again: u64,
    pub(super) waiting: u64,
    pub(super) done: u64,
    pub(super) lost: u64,
    pub(super) dead: u64,
    pub(super) shape: Vec<(u64, u64)>,
}

/// One line of `load --json`: all counts since its start.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Line {
    pub(super) last: bool,
    pub(super) thumbnailers: Vec<String>,
    pub(super) resize: Calls,
    pub(super) print: Calls,
    pub(super) preview: Jobs,
    pub(super) numbers_twice: u64,
    pub(super) errors: BTreeMap<String, u64>,
}

impl Line {
    /// Calls that were answered.
    pub(super) fn answered(&self) -> u64 {
        self.resize.answered + self.print.answered
    }

    /// Calls that this thumbnailer answered.
    pub(super) fn answered_by(&self, variant: &str) -> u64 {
        let of = |calls: &Calls| calls.by.get(variant).copied().unwrap_or(0);
        of(&self.resize) + of(&self.print)
    }

    /// What no fault of one part may cause: a call that was safe to retry and failed, a number that
    /// was given out twice, a job that is lost.
    pub(super) fn broken_promises(&self) -> Vec<String> {
        let Self { resize, print, preview, .. } = self;
        let counts = [
            ("resize not executed", resize.not_executed),
            ("resize failed", resize.failed),
            ("resize unknown, though idempotent", resize.unknown),
            ("print not executed", print.not_executed),
            ("print failed", print.failed),
            ("numbers of prints given out twice", self.numbers_twice),
            ("jobs lost", preview.lost),
            ("jobs dead", preview.dead),
            ("jobs refused", preview.refused),
        ];
        let broken = counts.iter().filter(|(_, count)| *count > 0);
        broken.map(|(what, count)| format!("{what}: {count}")).collect()
    }
}

/// Reads the newest line with `read` until one is as wanted, and answers it. One that cannot be
/// read now may be the next time.
///
/// # Errors
/// None is `within` that time; a promise is broken; or a signal came.
pub(super) fn until(
    signals: &Signals,
    within: Duration,
    what: &str,
    read: impl Fn() -> Result<Line, Trouble>,
    mut is_so: impl FnMut(&Line) -> bool,
) -> Result<Line, Trouble> {
    let mut newest = None;
    let seen = signals.wait(within, || {
        sleep(LOOK_EVERY);
        let Ok(line) = read() else { return Ok(None) };
        let broken = line.broken_promises();
        if !broken.is_empty() {
            let why = format!("{} while waiting until {what}", broken.join(", "));
            return Err(Trouble::Failed(format!("{why}; {:?}", line.errors)));
        }
        let found = is_so(&line);
        newest = Some(line.clone());
        Ok(found.then_some(line))
    })?;
    seen.ok_or_else(|| {
        let newest = newest.map_or_else(|| "no line".to_owned(), |line| format!("{line:?}"));
        Trouble::Failed(format!("not within {} s: {what}; {newest}", within.as_secs()))
    })
}

/// At most how long 99 of 100 took of those that are in `after` and not in `before`, milliseconds;
/// up to a quarter too much, for shapes have steps.
pub(super) fn p99_ms(before: &[(u64, u64)], after: &[(u64, u64)]) -> u64 {
    let earlier: BTreeMap<u64, u64> = before.iter().copied().collect();
    let news = |(to, count): &(u64, u64)| {
        (*to, count.saturating_sub(earlier.get(to).copied().unwrap_or_default()))
    };
    let new: Vec<(u64, u64)> = after.iter().map(news).collect();
    let all: u64 = new.iter().map(|(_, count)| count).sum();
    let mut slowest = all / 100;
    for (to, count) in new.iter().rev() {
        if *count > slowest {
            return to / 1000;
        }
        slowest -= count;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_is_broken_is_named() {
        let good = r#"{"second":3,"last":false,"thumbnailers":["a"],
            "resize":{"started":9,"held_back":0,"repeated":1,"under_way":2,"answered":7,
                "not_executed":0,"failed":0,"unknown":0,"by":{"a":7},"p50_us":3,"p99_us":4,"max_us":5,
                "shape":[[1000,7]]},
            "print":{"started":2,"held_back":0,"repeated":0,"under_way":0,"answered":1,
                "not_executed":0,"failed":0,"unknown":1,"by":{"a":1},"p50_us":3,"p99_us":4,"max_us":5,
                "shape":[[1000,1]]},
            "preview":{"started":2,"held_back":0,"stored":2,"refused":0,"repeated":0,"asked_again":0,
                "waiting":1,"done":1,"lost":0,"dead":0,"by":{"a":1},"p50_us":3,"p99_us":4,"max_us":5,
                "shape":[]},
            "numbers_twice":0,"errors":{"unknown: x":1}}"#;
        let mut line: Line = serde_json::from_str(good).unwrap();
        assert_eq!((line.answered(), line.answered_by("a")), (8, 8));
        assert!(line.broken_promises().is_empty(), "a print of unknown outcome is none");
        line.preview.lost = 1;
        assert_eq!(line.broken_promises(), ["jobs lost: 1"]);
    }

    #[test]
    fn a_line_is_waited_for_unless_a_promise_breaks() {
        let signals = Signals::default();
        let line = |done, lost| {
            let preview = Jobs { done, lost, ..Jobs::default() };
            Line { preview, ..Line::default() }
        };
        let wait = |lost, wanted| {
            let number = std::cell::Cell::new(0);
            // The first cannot be read.
            let read = || match number.replace(number.get() + 1) {
                0 => Err(Trouble::Failed("half written".to_owned())),
                done => Ok(line(done, lost)),
            };
            until(&signals, Duration::from_millis(40), "it is so", read, |line| {
                line.preview.done == wanted
            })
        };
        assert_eq!(wait(0, 2).unwrap().preview.done, 2);
        let Err(Trouble::Failed(why)) = wait(1, 2) else { panic!("a job is lost") };
        assert!(why.starts_with("jobs lost: 1 while waiting until it is so"), "{why}");
        let Err(Trouble::Failed(why)) = wait(0, 90) else { panic!("there are not so many") };
        assert!(why.starts_with("not within 0 s: it is so; Line {"), "{why}");
    }

    #[test]
    fn the_slowest_of_a_while_are_told_from_two_shapes() {
        let before = [(1000, 500), (8000, 3)];
        assert_eq!(p99_ms(&before, &before), 0);
        assert_eq!(p99_ms(&[], &before), 1, "3 of 503 are not one of a hundred");
        let after = [(1000, 590), (2000, 9), (8000, 3), (16000, 1)];
        assert_eq!(p99_ms(&before, &after), 2, "1 of 100");
        let slow = [(1000, 590), (2000, 9), (8000, 3), (16000, 2)];
        assert_eq!(p99_ms(&before, &slow), 16, "2 of 101");
    }
}
