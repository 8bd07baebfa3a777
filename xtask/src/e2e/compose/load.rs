//! The steady load, in a container of its own, and the lines that it prints.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use serde::Deserialize;

use super::project::Project;
use crate::e2e::engine::docker;
use crate::signals::Trouble;

/// Calls of `resize`, calls of `print` and jobs that it begins each second.
pub(super) const RATES: [u64; 3] = [8, 6, 4];

/// How often the newest line is read.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long the load may take to end: what is under way has 60 s.
const END_WITHIN: Duration = Duration::from_secs(100);

/// Lines of its log that are read: the newest may be half written, and what is logged counts too.
const NEWEST: &str = "60";

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

/// The load, running.
#[derive(Debug)]
pub(super) struct Load<'p> {
    project: &'p Project<'p>,
    container: String,
}

impl<'p> Load<'p> {
    /// Starts it.
    pub(super) fn start(project: &'p Project<'p>) -> Result<Self, Trouble> {
        let container = format!("{}-load", project.name);
        let rates = ["resize", "print", "preview"].into_iter().zip(RATES);
        let rates: Vec<String> = rates.map(|(name, rate)| format!("--{name}={rate}")).collect();
        let mut run = vec!["run", "--detach", "--no-deps", "--name", &container, "load"];
        run.extend(["load", "--json", "--pictures=/pictures", "--thumbnailers=3"]);
        run.extend(rates.iter().map(String::as_str));
        project.compose(&run)?;
        Ok(Self { project, container })
    }

    /// How it stands.
    ///
    /// # Errors
    /// It has printed nothing yet.
    pub(super) fn line(&self) -> Result<Line, Trouble> {
        let logged = self.project.engine.ask(&["logs", "--tail", NEWEST, &self.container])?;
        let lines = logged.out.lines().rev();
        let newest = lines.filter_map(|line| serde_json::from_str(line).ok()).next();
        newest.ok_or_else(|| {
            Trouble::Failed(format!("the load tells nothing\n{}", logged.err.trim_end()))
        })
    }

    /// Waits until a line is as wanted, and answers it.
    ///
    /// # Errors
    /// None is after `seconds`; a promise is broken; or a signal came.
    pub(super) fn until(
        &self,
        seconds: u64,
        what: &str,
        mut is_so: impl FnMut(&Line) -> bool,
    ) -> Result<Line, Trouble> {
        let mut newest = None;
        let signals = self.project.engine.signals();
        let seen = signals.wait(Duration::from_secs(seconds), || {
            sleep(LOOK_EVERY);
            let Ok(line) = self.line() else { return Ok(None) };
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
            Trouble::Failed(format!("not within {seconds} s: {what}; {newest}"))
        })
    }

    /// Ends it; answers its last line and its exit code.
    pub(super) fn end(&self) -> Result<(Line, i32), Trouble> {
        let engine = self.project.engine;
        engine.run(&mut docker(&["stop", "-t", "90", &self.container]), END_WITHIN)?;
        let code = engine.ask(&["inspect", "-f", "{{.State.ExitCode}}", &self.container])?.out;
        let line = self.line()?;
        Ok((line, code.trim().parse().unwrap_or(-1)))
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let engine = self.project.engine;
        engine.tidy(&mut docker(&["rm", "--force", &self.container]), END_WITHIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_is_broken_is_named() {
        let good = r#"{"second":3,"last":false,"thumbnailers":["a"],
            "resize":{"started":9,"held_back":0,"repeated":1,"under_way":2,"answered":7,
                "not_executed":0,"failed":0,"unknown":0,"by":{"a":7},"p50_us":3,"p99_us":4,"max_us":5},
            "print":{"started":2,"held_back":0,"repeated":0,"under_way":0,"answered":1,
                "not_executed":0,"failed":0,"unknown":1,"by":{"a":1},"p50_us":3,"p99_us":4,"max_us":5},
            "preview":{"started":2,"held_back":0,"stored":2,"refused":0,"repeated":0,"asked_again":0,
                "waiting":1,"done":1,"lost":0,"dead":0,"by":{"a":1},"p50_us":3,"p99_us":4,"max_us":5},
            "numbers_twice":0,"errors":{"unknown: x":1}}"#;
        let mut line: Line = serde_json::from_str(good).unwrap();
        assert_eq!((line.answered(), line.answered_by("a")), (8, 8));
        assert!(line.broken_promises().is_empty(), "a print of unknown outcome is none");
        line.preview.lost = 1;
        assert_eq!(line.broken_promises(), ["jobs lost: 1"]);
    }
}
