//! The Docker engine: is there one, and what it is asked.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::captured::{self, Captured};
use crate::process::{self, program};
use crate::signals::{Signals, Trouble};

/// How long the engine may take for a small question.
const ASK_WITHIN: Duration = Duration::from_secs(60);

/// Where the engine of this machine is asked, unless `DOCKER_HOST` says otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// A Docker engine with Compose.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    signals: Signals,
}

impl Engine {
    /// The engine that `docker` reaches.
    ///
    /// # Errors
    /// What is missing, in a few words.
    pub(super) fn find(signals: &Signals) -> Result<Self, String> {
        match Self::missing() {
            None => Ok(Self { signals: signals.clone() }),
            Some(missing) => Err(missing),
        }
    }

    /// What is missing to have an engine, in a few words.
    pub(super) fn missing() -> Option<String> {
        let missing = if process::find("docker").is_none() {
            "no `docker` on the path"
        } else if !process::succeeds(program("docker").arg("info")) {
            "no Docker engine answers (`docker info`)"
        } else if !process::succeeds(program("docker").args(["compose", "version"])) {
            "docker has no `compose` (the plugin of Compose v2)"
        } else {
            return None;
        };
        Some(missing.to_owned())
    }

    /// Whether we were asked to stop, and all that waits for it.
    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Asks something that is answered soon.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Captured, Trouble> {
        self.run(&mut docker(arguments), ASK_WITHIN)
    }

    /// Runs a command of docker that may take a while.
    pub(super) fn run(&self, command: &mut Command, within: Duration) -> Result<Captured, Trouble> {
        captured::run(command, Some(&self.signals), within)
    }

    /// Runs a command of docker for cleaning up: no signal breaks it off, and what goes wrong is
    /// told, not returned.
    pub(super) fn tidy(&self, command: &mut Command, within: Duration) {
        if let Err(Trouble::Failed(why)) = captured::run(command, None, within) {
            eprintln!("cleaning up: {why}");
        }
    }
}

/// A command of docker.
pub(super) fn docker(arguments: &[&str]) -> Command {
    let mut command = program("docker");
    command.args(arguments);
    command
}

/// A command of docker as another user of this machine would type it, if we can be that user and it
/// may use the engine.
pub(super) fn docker_as(user: u32) -> Option<Command> {
    let group = std::fs::metadata(Path::new(SOCKET)).ok()?.gid();
    if !rustix::process::geteuid().is_root() || process::find("setpriv").is_none() {
        return None;
    }
    let mut command = program("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={user}")]);
    command.args([format!("--groups={group}"), "docker".to_owned()]);
    // The folder of root's settings is closed to others.
    command.env("DOCKER_CONFIG", "/nonexistent").env("HOME", "/nonexistent");
    Some(command)
}
