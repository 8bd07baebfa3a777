//! A cluster, by `kubectl` and `KUBECONFIG`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::e2e::captured;
use crate::process::{self, program};
use crate::signals::{Signals, Trouble};

/// How long the cluster may take for a small question.
const ASK_WITHIN: Duration = Duration::from_secs(60);

/// Where the cluster is, for `kubectl`.
const KUBECONFIG: &str = "KUBECONFIG";

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
        if let Some(missing) = Self::missing() {
            return Err(missing.into());
        }
        let mut cluster = Self { signals: signals.clone(), is_new: true, version: String::new() };
        let version = cluster.json(&["version", "-o", "json"])?;
        cluster.version = text(&version, "/serverVersion/gitVersion");
        let versions = cluster.ask(&["api-versions"])?;
        cluster.is_new = versions.lines().any(|version| version == "policy/v1");
        Ok(cluster)
    }

    /// What is missing to have a cluster, in a few words.
    pub(super) fn missing() -> Option<String> {
        if std::env::var_os(KUBECONFIG).is_none() {
            return Some("no KUBECONFIG that names a cluster".to_owned());
        }
        if process::find("kubectl").is_none() {
            return Some("no `kubectl` on the path".to_owned());
        }
        let answers = process::succeeds(program("kubectl").args([
            "--request-timeout=15s",
            "get",
            "--raw",
            "/readyz",
        ]));
        (!answers).then(|| "the cluster of KUBECONFIG does not answer".to_owned())
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
