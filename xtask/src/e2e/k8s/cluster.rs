//! A cluster, by `kubectl` and `KUBECONFIG`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::e2e::captured;
use crate::process::{self, program};
use crate::signals::{Signals, Trouble, wait};

/// How long the cluster may take for a small question.
const ASK_WITHIN: Duration = Duration::from_secs(60);

/// Where the cluster is, for `kubectl`.
pub(super) const KUBECONFIG: &str = "KUBECONFIG";

/// A program that starts a cluster, if it does not run, and prints where its `KUBECONFIG` is.
const UP: &str = "MESHWORK_CLUSTER_UP";

/// How long that may take: the first time it may have to build one.
const UP_WITHIN: Duration = Duration::from_secs(1200);

/// How long a cluster that was just started may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(120);

/// How long its nodes may take to be ready.
const NODES_WITHIN: &str = "--timeout=300s";

/// A cluster that answers.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    signals: Signals,
    /// Whether it serves the versions of today; else it is one of 1.20.
    pub(super) is_new: bool,
    /// What it says of itself.
    pub(super) version: String,
}

impl Cluster {
    /// The cluster that `KUBECONFIG` names.
    ///
    /// # Errors
    /// What is missing, in a few words.
    pub(super) fn find(signals: &Signals) -> Result<Self, Trouble> {
        let Some(config) = std::env::var_os(KUBECONFIG) else {
            return Err("no KUBECONFIG that names a cluster".to_owned().into());
        };
        if let Some(missing) = Self::missing(&config) {
            return Err(missing.into());
        }
        let mut cluster = Self { signals: signals.clone(), is_new: true, version: String::new() };
        let version = cluster.json(&["version", "-o", "json"])?;
        cluster.version = text(&version, "/serverVersion/gitVersion");
        let versions = cluster.ask(&["api-versions"])?;
        cluster.is_new = versions.lines().any(|version| version == "policy/v1");
        Ok(cluster)
    }

    /// Where the cluster of the environment is; started, if nothing but the program is known that
    /// does so.
    ///
    /// # Errors
    /// What is missing, in a few words.
    pub(super) fn kubeconfig() -> Result<OsString, String> {
        if let Some(config) = std::env::var_os(KUBECONFIG) {
            return Ok(config);
        }
        let Some(up) = std::env::var_os(UP) else {
            return Err(format!("no {KUBECONFIG} that names a cluster"));
        };
        let started = captured::run(&mut program(&up.to_string_lossy()), None, UP_WITHIN);
        let printed = started.map_err(|trouble| format!("no cluster: {trouble:?}"))?.out;
        match printed.lines().last() {
            Some(config) => Ok(config.into()),
            None => Err(format!("{UP} printed no path")),
        }
    }

    /// What is missing to use the cluster of that configuration, in a few words.
    pub(super) fn missing(config: &OsStr) -> Option<String> {
        if process::find("kubectl").is_none() {
            return Some("no `kubectl` on the path".to_owned());
        }
        let answers = |arguments: &[&str]| {
            process::succeeds(kubectl(arguments).env(KUBECONFIG, config)).then_some(())
        };
        let readyz = ["--request-timeout=15s", "get", "--raw", "/readyz"];
        let nodes = ["wait", "--for=condition=Ready", "node", "--all", NODES_WITHIN];
        match wait(ANSWERS_WITHIN, || answers(&readyz)) {
            None => Some("the cluster does not answer".to_owned()),
            Some(()) if answers(&nodes).is_none() => Some("its nodes do not get ready".to_owned()),
            Some(()) => None,
        }
    }

    /// The same, which no signal breaks off: for cleaning up.
    pub(super) fn deaf(&self) -> Self {
        Self { signals: Signals::default(), ..self.clone() }
    }

    /// Whether we were asked to stop, and all that waits for it.
    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Asks something that is answered soon; answers what it printed.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<String, Trouble> {
        self.run(&mut kubectl(arguments), ASK_WITHIN)
    }

    /// Runs a command of kubectl that may take a while.
    pub(super) fn run(&self, command: &mut Command, within: Duration) -> Result<String, Trouble> {
        captured::run(command, Some(&self.signals), within).map(|captured| captured.out)
    }

    /// Asks something that is answered in JSON.
    pub(super) fn json(&self, arguments: &[&str]) -> Result<Value, Trouble> {
        let out = self.ask(arguments)?;
        let parsed = serde_json::from_str(&out);
        parsed
            .map_err(|error| Trouble::Failed(format!("{}: no JSON: {error}", arguments.join(" "))))
    }

    /// Sends objects with this verb (`apply`, `create`, ...) and its further arguments.
    pub(super) fn send(&self, arguments: &[&str], object: &Value) -> Result<String, Trouble> {
        let broken = |error: std::io::Error| Trouble::Failed(format!("a manifest: {error}"));
        let file = tempfile::NamedTempFile::new().map_err(broken)?;
        fs::write(file.path(), object.to_string()).map_err(broken)?;
        let mut command = kubectl(arguments);
        self.run(command.arg("-f").arg(file.path()), ASK_WITHIN)
    }

    /// Runs a command for cleaning up: no signal breaks it off, and what goes wrong is told, not
    /// returned.
    pub(super) fn tidy(&self, arguments: &[&str], within: Duration) {
        if let Err(Trouble::Failed(why)) = captured::run(&mut kubectl(arguments), None, within) {
            eprintln!("cleaning up: {why}");
        }
    }

    /// Whether a claim for a volume is met by itself here.
    pub(super) fn has_volumes(&self) -> Result<bool, Trouble> {
        let classes = self.json(&["get", "storageclass", "-o", "json"])?;
        let is_default = |class: &Value| {
            class["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"]
                == "true"
        };
        Ok(classes["items"].as_array().is_some_and(|classes| classes.iter().any(is_default)))
    }
}

/// A command of kubectl.
pub(super) fn kubectl(arguments: &[&str]) -> Command {
    let mut command = program("kubectl");
    command.args(arguments);
    command
}

/// The text at this place of an answer; empty if there is none.
pub(super) fn text(value: &Value, place: &str) -> String {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
}
