//! Deploys under load: what is replaced, and that no call and no job pays for it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::load::{Load, Rates};
use super::mesh::{Mesh, THUMBNAILERS, Version};
use super::pods::serving;
use crate::e2e::line::{Line, p99_ms};
use crate::e2e::steps::{Ended, Seen};
use crate::signals::Trouble;

/// Calls of `resize` and jobs, from the beginning to the end.
const STEADY: Rates = Rates { resize: 8, print: 0, preview: 3 };

/// Calls of `print`, from the moment on that the schema has it.
const PRINTS: Rates = Rates { resize: 0, print: 5, preview: 0 };

/// Calls that must be answered for a step to say something.
const ENOUGH: u64 = 80;

/// Prints that may be on their way to one thumbnailer as it dies: those of two seconds, and those
/// that a slow machine has not got to.
const UNKNOWN_AT_KILL_MAX: u64 = 20;

/// Before: neither schema nor pods know `print`.
pub(super) const OLD: Version = Version { schema_has_print: false, pods_have_print: false };

/// The schema has it, and the pods are those from before.
const ADDED: Version = Version { schema_has_print: true, pods_have_print: false };

/// After.
const NEW: Version = Version { schema_has_print: true, pods_have_print: true };

/// A mesh under load.
#[derive(Debug)]
pub(super) struct Scene<'m> {
    pub(super) mesh: &'m Mesh<'m>,
    pub(super) steady: Load<'m>,
    prints: Option<Load<'m>>,
}

impl<'m> Scene<'m> {
    /// Starts the load.
    pub(super) fn begin(mesh: &'m Mesh<'m>) -> Result<Self, Trouble> {
        let steady = Load::start(mesh, "load-steady", STEADY, THUMBNAILERS)?;
        Ok(Self { mesh, steady, prints: None })
    }

    /// Calls and jobs go through before anything is replaced.
    pub(super) fn steady(&self) -> Result<Ended, Trouble> {
        let line = self.steady.until("calls and jobs go through", |line| {
            line.answered() >= ENOUGH && line.preview.done >= 10
        })?;
        Ok(Ended::Held(figures(&Line::default(), &line)))
    }

    /// The schema gets a command: running pods learn it, and none of them restarts.
    pub(super) fn command_added(&self) -> Result<Ended, Trouble> {
        let before = self.steady.line()?;
        let pods = self.mesh.thumbnailers()?;
        let old = self.schema_numbers(&pods)?;
        self.mesh.apply(ADDED)?;
        self.mesh.hurry()?;
        let newest = old.iter().max().copied().unwrap_or_default();
        let what = "every pod goes by the new schema";
        self.until(what, || Ok(self.schema_numbers(&pods)?.iter().all(|number| *number > newest)))?;
        let after = self.steady.goes_on(&before, ENOUGH)?;
        self.no_restarts()?;
        if self.mesh.thumbnailers()? != pods {
            return Err("the pods are others than before".to_owned().into());
        }
        let mut seen = figures(&before, &after);
        seen.push(("pods that learned it", json!(pods.len())));
        Ok(Ended::Held(seen))
    }

    /// A pod is evicted; the one in its place joins and takes its share. `what` for the report.
    pub(super) fn evicted(&self) -> Result<Ended, Trouble> {
        let (before, prints) = self.lines()?;
        let pods = self.mesh.thumbnailers()?;
        let Some(victim) = pods.first() else { return Err("no pod serves".to_owned().into()) };
        self.mesh.evict(victim)?;
        let newcomer = self.replaced(victim, &pods)?;
        let linked = self
            .steady
            .until("the new pod takes its share", |line| line.answered_by(&newcomer) >= 5)?;
        let after = self.steady.goes_on(&linked, ENOUGH)?;
        none_again(&before, &after)?;
        self.no_unknown(&prints)?;
        let mut seen = figures(&before, &after);
        seen.push(("evicted", json!(victim)));
        seen.push(("in its place", json!(newcomer)));
        seen.push(("answered by it", json!(after.answered_by(&newcomer))));
        Ok(Ended::Held(seen))
    }

    /// All thumbnailers are replaced, one by one, by such as serve the new command. Calls of it
    /// are made from before the first of them is there.
    pub(super) fn updated(&mut self) -> Result<Ended, Trouble> {
        let old = self.mesh.thumbnailers()?;
        let prints = Load::start(self.mesh, "load-prints", PRINTS, 1)?;
        prints.until("prints are asked for, and nobody serves them", |line| {
            line.print.started >= 10
        })?;
        if prints.line()?.print.answered > 0 {
            return Err("a print was answered by a pod that does not serve it".to_owned().into());
        }
        let before = self.steady.line()?;
        self.mesh.apply(NEW)?;
        self.mesh.until_rolled_out("deployment/thumbnailer")?;
        self.mesh.until_pods("thumbnailer", "the old pods are gone", |pods| {
            let names: BTreeSet<String> = pods.iter().map(|pod| pod.name.clone()).collect();
            names.is_disjoint(&old) && serving(pods).len() == THUMBNAILERS
        })?;
        let rolled = self.steady.line()?;
        let printed = prints.until("prints are answered", |line| line.print.answered >= ENOUGH)?;
        let after = self.steady.goes_on(&rolled, ENOUGH)?;
        none_again(&before, &after)?;
        let by: BTreeSet<String> = printed.print.by.keys().cloned().collect();
        let wrong: Vec<&String> = by.intersection(&old).collect();
        if !wrong.is_empty() {
            return Err(format!("prints by pods that do not serve them: {wrong:?}").into());
        }
        if printed.print.unknown > 0 {
            return Err(format!("prints of unknown outcome: {:?}", printed.errors).into());
        }
        self.prints = Some(prints);
        let mut seen = figures(&before, &after);
        seen.push(("p99 before, ms", json!(p99_ms(&[], &before.resize.shape))));
        seen.push(("p99 in the rollout, ms", p99(&before, &rolled)));
        seen.push(("prints answered", json!(printed.print.answered)));
        seen.push(("by pods that were new", json!(by.len())));
        seen.push(("by old pods", json!(wrong.len())));
        Ok(Ended::Held(seen))
    }

    /// The master is replaced: the old one ends before the new one starts.
    pub(super) fn master_replaced(&self) -> Result<Ended, Trouble> {
        let (before, prints) = self.lines()?;
        self.mesh.ask(&["rollout", "restart", "deployment/master"])?;
        self.mesh.until_rolled_out("deployment/master")?;
        let rolled = self.steady.line()?;
        let pods = self.mesh.thumbnailers()?;
        self.until("every pod is a member again", || Ok(self.members()?.is_superset(&pods)))?;
        let after = self.steady.goes_on(&rolled, ENOUGH)?;
        none_again(&before, &after)?;
        self.no_unknown(&prints)?;
        let mut seen = figures(&before, &after);
        seen.push(("p99 in the rollout, ms", p99(&before, &rolled)));
        Ok(Ended::Held(seen))
    }

    /// A pod is deleted without any grace, as a node that is lost takes its pods with it.
    pub(super) fn killed(&self) -> Result<Ended, Trouble> {
        let (before, prints) = self.lines()?;
        let pods = self.mesh.thumbnailers()?;
        let Some(victim) = pods.first() else { return Err("no pod serves".to_owned().into()) };
        self.mesh.ask(&["delete", "pod", victim, "--grace-period=0", "--force"])?;
        let newcomer = self.replaced(victim, &pods)?;
        let there = self
            .steady
            .until("the new pod takes its share", |line| line.answered_by(&newcomer) >= 5)?;
        let after = self.steady.goes_on(&there, ENOUGH)?;
        let printed = self.prints_line()?;
        let unknown = printed.print.unknown - prints.print.unknown;
        if unknown > UNKNOWN_AT_KILL_MAX {
            return Err(format!("{unknown} prints of unknown outcome").into());
        }
        let mut seen = figures(&before, &after);
        seen.push(("prints answered", json!(printed.print.answered - prints.print.answered)));
        seen.push(("prints unknown", json!(unknown)));
        seen.push(("p99, ms", p99(&before, &after)));
        Ok(Ended::Held(seen))
    }

    /// The loads stop, and everything that they began has an end.
    pub(super) fn end(self) -> Result<Ended, Trouble> {
        let steady = self.steady.end()?;
        let mut seen = figures(&Line::default(), &steady);
        if let Some(prints) = &self.prints {
            let prints = prints.end()?;
            seen.push(("prints answered", json!(prints.print.answered)));
            seen.push(("prints unknown", json!(prints.print.unknown)));
            seen.push(("errors of prints", json!(prints.errors)));
        }
        self.no_restarts()?;
        seen.push(("p50 of resize, ms", json!(steady.resize.p50_us / 1000)));
        seen.push(("p99 of resize, ms", json!(steady.resize.p99_us / 1000)));
        seen.push(("errors", json!(steady.errors)));
        Ok(Ended::Held(seen))
    }

    /// Waits until `is_so`; what it cannot find out yet is not so.
    pub(super) fn until(
        &self,
        what: &str,
        is_so: impl Fn() -> Result<bool, Trouble>,
    ) -> Result<(), Trouble> {
        let within = super::mesh::WITHIN;
        let seen = self.mesh.cluster.signals().wait(within, || match is_so() {
            Err(Trouble::Interrupted) => Err(Trouble::Interrupted),
            seen => Ok(seen.unwrap_or_default().then_some(())),
        })?;
        seen.ok_or_else(|| Trouble::Failed(format!("not within {} s: {what}", within.as_secs())))
    }

    /// The number of the schema that each pod goes by.
    pub(super) fn schema_numbers(&self, pods: &BTreeSet<String>) -> Result<Vec<u64>, Trouble> {
        let number = |pod: &String| {
            let node = self.mesh.worker(pod, "/v1/node")?;
            Ok(node["schema"]["number"].as_u64().unwrap_or_default())
        };
        pods.iter().map(number).collect()
    }

    /// Waits for the pod that comes for `victim`.
    fn replaced(&self, victim: &str, before: &BTreeSet<String>) -> Result<String, Trouble> {
        let what = "another pod serves in its place";
        let pods = self.mesh.until_pods("thumbnailer", what, |pods| {
            let serving = serving(pods);
            serving.len() == THUMBNAILERS && !serving.contains(victim)
        })?;
        let newcomers: Vec<String> = serving(&pods).difference(before).cloned().collect();
        match newcomers.as_slice() {
            [newcomer] => Ok(newcomer.clone()),
            others => Err(format!("in place of one pod there are {others:?}").into()),
        }
    }

    /// Thumbnailers that the master knows as ready.
    fn members(&self) -> Result<BTreeSet<String>, Trouble> {
        let list = ["exec", "deploy/master", "--", "meshwork", "members", "--json"];
        let members = self.mesh.json(&list)?;
        let ready = members["members"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|member| member["worker"] == "thumbnailer" && member["status"] == "ready");
        Ok(ready.filter_map(|member| Some(member["variant"].as_str()?.to_owned())).collect())
    }

    /// No container ended by itself and was started again.
    fn no_restarts(&self) -> Result<(), Trouble> {
        for of in ["master", "redis", "thumbnailer", "gateway"] {
            if let Some(pod) = self.mesh.pods(of)?.iter().find(|pod| pod.restarts > 0) {
                return Err(format!("{} was restarted {} times", pod.name, pod.restarts).into());
            }
        }
        Ok(())
    }

    fn lines(&self) -> Result<(Line, Line), Trouble> {
        Ok((self.steady.line()?, self.prints_line()?))
    }

    /// Of the prints; nothing happened before there are any.
    fn prints_line(&self) -> Result<Line, Trouble> {
        self.prints.as_ref().map_or_else(|| Ok(Line::default()), Load::line)
    }

    /// No print since `before` has an outcome that is not known.
    fn no_unknown(&self, before: &Line) -> Result<(), Trouble> {
        let after = self.prints_line()?;
        if after.print.unknown == before.print.unknown {
            return Ok(());
        }
        Err(format!("prints of unknown outcome: {:?}", after.errors).into())
    }
}

/// A call that had to be made again by whoever made it is a failed call, though nothing is broken.
fn none_again(before: &Line, after: &Line) -> Result<(), Trouble> {
    if after.resize.repeated == before.resize.repeated {
        return Ok(());
    }
    Err(format!("calls that had to be made again: {:?}", after.errors).into())
}

fn p99(before: &Line, after: &Line) -> Value {
    json!(p99_ms(&before.resize.shape, &after.resize.shape))
}

/// What happened between two lines.
pub(super) fn figures(before: &Line, after: &Line) -> Seen {
    let failed = |line: &Line| line.resize.failed + line.resize.not_executed + line.resize.unknown;
    vec![
        ("calls answered", json!(after.answered() - before.answered())),
        ("calls failed", json!(failed(after) - failed(before))),
        ("calls made again", json!(after.resize.repeated - before.resize.repeated)),
        ("calls held back", json!(after.resize.held_back - before.resize.held_back)),
        ("jobs done", json!(after.preview.done - before.preview.done)),
        ("jobs lost", json!(after.preview.lost + after.preview.dead)),
        ("p99 of jobs, ms", json!(p99_ms(&before.preview.shape, &after.preview.shape))),
    ]
}
