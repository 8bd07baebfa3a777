//! What happens to the mesh while it works: scaled, killed, restarted, cut off.

use serde_json::{Value, json};

use super::load::{Load, RATES};
use super::network::{self, Cut};
use super::project::Project;
use super::start::THUMBNAILERS;
use crate::e2e::line::Line;
use crate::e2e::steps::{Ended, Seen};
use crate::signals::Trouble;

/// Thumbnailers after scaling.
const SCALED: usize = 5;

/// Least share of the calls that each of them must answer; a fifth would be even.
const LEAST_SHARE: f64 = 0.1;

/// Calls that must be answered for a step to say something.
const ENOUGH: u64 = 100;

/// Prints that may be on their way to one thumbnailer as it dies: those of a second and a half, and
/// those that a slow machine has not got to.
const UNKNOWN_AT_KILL_MAX: u64 = 24;

/// How long a silent link is believed, as `dead_after` is by default, and some more for a slow
/// machine, in seconds.
const SILENT_SECONDS: u64 = 15 + 5;

/// How long anything may take here, in seconds: leases and silent links take up to half a minute.
const WAIT: u64 = 120;

/// A mesh under load.
#[derive(Debug)]
pub(super) struct Scene<'p> {
    project: &'p Project<'p>,
    load: Load<'p>,
}

impl<'p> Scene<'p> {
    /// Starts the load.
    pub(super) fn begin(project: &'p Project<'p>) -> Result<Self, Trouble> {
        Ok(Self { project, load: Load::start(project)? })
    }

    /// Calls and jobs go through before anything is broken.
    pub(super) fn steady(&self) -> Result<Ended, Trouble> {
        let line = self.load.until(WAIT, "calls and jobs go through", |line| {
            line.thumbnailers.len() == THUMBNAILERS
                && line.answered() >= ENOUGH / 2
                && line.preview.done >= 10
        })?;
        if line.resize.unknown + line.print.unknown > 0 {
            return Err(format!("nothing is broken yet: {:?}", line.errors).into());
        }
        Ok(Ended::Held(figures(&Line::default(), &line)))
    }

    /// Two more come, and take their share.
    pub(super) fn scale(&self) -> Result<Ended, Trouble> {
        self.project.up(SCALED)?;
        let before = self.all_linked()?;
        let after = self.load.until(WAIT, "the five answer", |line| {
            line.answered() >= before.answered() + ENOUGH
                && line.preview.done >= before.preview.done + 20
        })?;
        let all = (after.answered() - before.answered()) as f64;
        let mut shares = Vec::new();
        for variant in &after.thumbnailers {
            let share = (after.answered_by(variant) - before.answered_by(variant)) as f64 / all;
            if share < LEAST_SHARE {
                return Err(format!("{variant} answers {share:.2} of the calls: {after:?}").into());
            }
            shares.push((share * 100.0).round());
        }
        let mut seen = figures(&before, &after);
        seen.push(("shares in percent", json!(shares)));
        self.no_unknown(&before, &after)?;
        Ok(Ended::Held(seen))
    }

    /// A container dies at work, by SIGKILL.
    pub(super) fn kill(&self) -> Result<Ended, Trouble> {
        let before = self.all_linked()?;
        let victim = self.thumbnailer(0)?;
        let variant = self.project.variant(&victim)?;
        self.project.engine.ask(&["kill", "--signal=KILL", &victim])?;
        let gone = self.load.until(WAIT, "the killed one is no longer linked", |line| {
            !line.thumbnailers.contains(&variant)
        })?;
        let after =
            self.load.until(WAIT, "the others go on, and all jobs of then are done", |line| {
                line.answered() >= gone.answered() + ENOUGH
                    && line.preview.done >= gone.preview.stored
            })?;
        let unknown = after.print.unknown - before.print.unknown;
        if unknown > UNKNOWN_AT_KILL_MAX {
            return Err(format!("{unknown} prints of unknown outcome: {:?}", after.errors).into());
        }
        let mut seen = figures(&before, &after);
        seen.push(("killed", json!(variant)));
        self.project.up(SCALED)?;
        self.all_linked()?;
        Ok(Ended::Held(seen))
    }

    /// The master stops and comes back; nobody notices.
    pub(super) fn master_away(&self) -> Result<Ended, Trouble> {
        let before = self.all_linked()?;
        self.project.compose(&["stop", "master"])?;
        let stopped = self.load.line()?;
        let away = self.load.until(WAIT, "calls go on without a master", |line| {
            line.answered() >= stopped.answered() + ENOUGH
                && line.preview.done >= stopped.preview.done + 10
        })?;
        self.project.up(SCALED)?;
        let members = || -> Result<Option<usize>, Trouble> {
            let asked = self.project.exec("master", &["meshwork", "members", "--json"]);
            let Ok(json) = asked else { return Ok(None) };
            let list: Value = serde_json::from_str(&json).unwrap_or_default();
            let ready =
                |member: &&Value| member["worker"] == "thumbnailer" && member["status"] == "ready";
            let ready = list["members"].as_array().into_iter().flatten().filter(ready).count();
            Ok((ready == SCALED).then_some(ready))
        };
        let within = std::time::Duration::from_secs(WAIT);
        let ready = self.project.engine.signals().wait(within, members)?;
        if ready.is_none() {
            return Err("not all thumbnailers came back to the master".to_owned().into());
        }
        let after = self.load.line()?;
        self.no_unknown(&before, &after)?;
        let mut seen = figures(&before, &after);
        seen.push(("answered while it was away", json!(away.answered() - stopped.answered())));
        Ok(Ended::Held(seen))
    }

    /// Redis restarts; jobs wait for it and none is lost.
    pub(super) fn redis_restarts(&self) -> Result<Ended, Trouble> {
        let before = self.load.line()?;
        self.project.compose(&["restart", "redis"])?;
        let back = self.load.line()?;
        let after = self.load.until(WAIT, "all jobs of then are done, and new ones", |line| {
            line.preview.done >= back.preview.stored + 20
        })?;
        self.no_unknown(&before, &after)?;
        let mut seen = figures(&before, &after);
        let again = after.preview.asked_again - before.preview.asked_again;
        seen.push(("ends asked for again", json!(again)));
        let stored = after.preview.repeated - before.preview.repeated;
        seen.push(("stored again", json!(stored)));
        Ok(Ended::Held(seen))
    }

    /// One hears and says nothing any more, then does again.
    pub(super) fn cut_off(&self) -> Result<Ended, Trouble> {
        if let Some(missing) = network::missing() {
            return Ok(Ended::Skipped(missing));
        }
        let before = self.all_linked()?;
        let victim = self.thumbnailer(1)?;
        let variant = self.project.variant(&victim)?;
        let cut = Cut::off(self.project.engine, &victim)?;
        let alone = self.load.until(WAIT, "its silent link is given up", |line| {
            !line.thumbnailers.contains(&variant)
        })?;
        let after =
            self.load.until(WAIT, "the others go on, and all jobs of then are done", |line| {
                line.answered() >= alone.answered() + ENOUGH
                    && line.preview.done >= alone.preview.stored
            })?;
        let unknown = after.print.unknown - before.print.unknown;
        // Every fifth print goes into the silence, as long as it is believed.
        let most = RATES[1] * SILENT_SECONDS / SCALED as u64 + UNKNOWN_AT_KILL_MAX;
        if unknown > most {
            return Err(format!("{unknown} prints of unknown outcome: {:?}", after.errors).into());
        }
        drop(cut);
        let healed = self.all_linked()?;
        let again = self.load.until(WAIT, "it answers again", |line| {
            line.answered_by(&variant) >= healed.answered_by(&variant) + 10
        })?;
        self.no_unknown(&healed, &again)?;
        let mut seen = figures(&before, &again);
        seen.push(("cut off", json!(variant)));
        seen.push((
            "answered by it since",
            json!(again.answered_by(&variant) - healed.answered_by(&variant)),
        ));
        Ok(Ended::Held(seen))
    }

    /// The load stops, and everything that it began has an end.
    pub(super) fn end(self) -> Result<Ended, Trouble> {
        let (line, code) = self.load.end()?;
        let broken = line.broken_promises();
        let Line { resize, print, preview, .. } = &line;
        let owed = resize.under_way + print.under_way + preview.waiting;
        if !line.last || code != 0 || owed > 0 || !broken.is_empty() {
            return Err(format!("exit code {code}, {owed} owed, {broken:?}: {line:?}").into());
        }
        let mut restarts = 0;
        for service in ["redis", "master", "thumbnailer", "gateway"] {
            for container in self.project.running(service)? {
                let count = ["inspect", "-f", "{{.RestartCount}}", &container];
                let count = self.project.engine.ask(&count)?.out;
                restarts += count.trim().parse::<u64>().unwrap_or(1);
            }
        }
        if restarts > 0 {
            return Err(format!("{restarts} containers ended by themselves").into());
        }
        let mut seen = figures(&Line::default(), &line);
        seen.push(("p50 of resize, ms", json!(resize.p50_us / 1000)));
        seen.push(("p99 of resize, ms", json!(resize.p99_us / 1000)));
        seen.push(("errors", json!(line.errors)));
        Ok(Ended::Held(seen))
    }

    fn all_linked(&self) -> Result<Line, Trouble> {
        self.load
            .until(WAIT, "all thumbnailers are linked", |line| line.thumbnailers.len() == SCALED)
    }

    /// A container of a thumbnailer that runs.
    fn thumbnailer(&self, nth: usize) -> Result<String, Trouble> {
        let running = self.project.running("thumbnailer")?;
        Ok(running.get(nth).cloned().ok_or_else(|| "no thumbnailer runs".to_owned())?)
    }

    fn no_unknown(&self, before: &Line, after: &Line) -> Result<(), Trouble> {
        let unknown = after.print.unknown - before.print.unknown;
        if unknown == 0 {
            return Ok(());
        }
        Err(format!("{unknown} prints of unknown outcome: {:?}", after.errors).into())
    }
}

/// What happened between two lines.
fn figures(before: &Line, after: &Line) -> Seen {
    let answered = after.answered() - before.answered();
    let repeated = after.resize.repeated + after.print.repeated;
    let repeated = repeated - before.resize.repeated - before.print.repeated;
    let held_back = after.resize.held_back + after.print.held_back;
    vec![
        ("calls answered", json!(answered)),
        ("calls made again", json!(repeated)),
        ("prints unknown", json!(after.print.unknown - before.print.unknown)),
        ("jobs done", json!(after.preview.done - before.preview.done)),
        (
            "calls begun, held back",
            json!([
                after.resize.started + after.print.started
                    - before.resize.started
                    - before.print.started,
                held_back - before.resize.held_back - before.print.held_back
            ]),
        ),
    ]
}
