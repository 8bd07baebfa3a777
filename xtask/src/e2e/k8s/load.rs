//! A steady load, in a pod of its own that is made like those of the gateway, with its key.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::text;
use super::mesh::Mesh;
use crate::e2e::line::{self, LOOK_EVERY, Line};
use crate::signals::Trouble;

/// How long a load may take to end: what is under way has 60 s.
const END_WITHIN: Duration = Duration::from_secs(100);

/// Lines of its log that are read: it logs among what it tells, and more at its end.
const NEWEST: &str = "--tail=60";

/// What it begins each second: calls of `resize`, calls of `print`, jobs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) resize: u64,
    pub(super) print: u64,
    pub(super) preview: u64,
}

/// A load, running.
#[derive(Debug)]
pub(super) struct Load<'m> {
    mesh: &'m Mesh<'m>,
    pod: String,
}

impl<'m> Load<'m> {
    /// Starts it; it begins when this many thumbnailers are linked.
    pub(super) fn start(
        mesh: &'m Mesh<'m>,
        pod: &str,
        rates: Rates,
        thumbnailers: usize,
    ) -> Result<Self, Trouble> {
        let gateway = mesh.json(&["get", "deployment", "gateway", "-o", "json"])?;
        let mut template = gateway["spec"]["template"].clone();
        let Rates { resize, print, preview } = rates;
        template["apiVersion"] = json!("v1");
        template["kind"] = json!("Pod");
        template["metadata"]["name"] = json!(pod);
        template["spec"]["restartPolicy"] = json!("Never");
        let container = &mut template["spec"]["containers"][0];
        container["command"] = json!([
            "load",
            "--json",
            "--pictures=/usr/share/thumbnails/pictures",
            "--ready-within=120",
            format!("--thumbnailers={thumbnailers}"),
            format!("--resize={resize}"),
            format!("--print={print}"),
            format!("--preview={preview}"),
        ]);
        mesh.cluster.send(&["-n", &mesh.namespace, "create"], &template)?;
        Ok(Self { mesh, pod: pod.to_owned() })
    }

    /// How it stands.
    ///
    /// # Errors
    /// It has printed nothing yet.
    pub(super) fn line(&self) -> Result<Line, Trouble> {
        let logged = self.mesh.ask(&["logs", &self.pod, NEWEST])?;
        let newest = logged.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        newest.ok_or_else(|| Trouble::Failed(format!("the load tells nothing: {}", logged.trim())))
    }

    /// Waits until a line is as wanted, and answers it.
    ///
    /// # Errors
    /// None is in time; a promise is broken; or a signal came.
    pub(super) fn until(&self, what: &str, is_so: impl Fn(&Line) -> bool) -> Result<Line, Trouble> {
        let signals = self.mesh.cluster.signals();
        line::until(signals, super::mesh::WITHIN, what, || self.line(), is_so)
    }

    /// Waits until the load has gone on for a while, and all jobs of `since` are done.
    pub(super) fn goes_on(&self, since: &Line, calls: u64) -> Result<Line, Trouble> {
        self.until("calls go on, and all jobs of then are done", |line| {
            line.answered() >= since.answered() + calls && line.preview.done >= since.preview.stored
        })
    }

    /// Ends it; answers its last line.
    ///
    /// # Errors
    /// It owes something, it broke a promise, or it does not end.
    pub(super) fn end(&self) -> Result<Line, Trouble> {
        self.mesh.ask(&["exec", &self.pod, "--", "sh", "-c", "kill -TERM 1"])?;
        let ended = self.mesh.cluster.signals().wait(END_WITHIN, || {
            sleep(LOOK_EVERY);
            let asked = self.mesh.json(&["get", "pod", &self.pod, "-o", "json"]);
            let Ok(pod) = asked else { return Ok(None) };
            let is_over = ["Succeeded", "Failed"].contains(&text(&pod, "/status/phase").as_str());
            Ok(is_over.then_some(pod))
        })?;
        let Some(pod) = ended else { return Err("the load does not end".to_owned().into()) };
        let code = pod.pointer("/status/containerStatuses/0/state/terminated/exitCode").cloned();
        let line = self.line()?;
        let owed = line.resize.under_way + line.print.under_way + line.preview.waiting;
        let broken = line.broken_promises();
        if !line.last || code != Some(Value::from(0)) || owed > 0 || !broken.is_empty() {
            let why = format!("exit code {code:?}, {owed} owed, {broken:?}: {line:?}");
            return Err(Trouble::Failed(why));
        }
        Ok(line)
    }
}
