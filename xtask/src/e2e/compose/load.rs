//! The steady load, in a container of its own, and the lines that it prints.

use std::time::Duration;

use super::project::Project;
use crate::e2e::engine::docker;
use crate::e2e::line::{self, Line};
use crate::signals::Trouble;

/// Calls of `resize`, calls of `print` and jobs that it begins each second.
pub(super) const RATES: [u64; 3] = [8, 6, 4];

/// How long the load may take to end: what is under way has 60 s.
const END_WITHIN: Duration = Duration::from_secs(100);

/// Lines of its log that are read: the newest may be half written, and what is logged counts too.
const NEWEST: &str = "60";

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
        run.push("--ready-within=120");
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
        is_so: impl FnMut(&Line) -> bool,
    ) -> Result<Line, Trouble> {
        let signals = self.project.engine.signals();
        line::until(signals, Duration::from_secs(seconds), what, || self.line(), is_so)
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
