//! A container that is cut off the network: nothing comes in, nothing goes out, and nobody is told.

use std::process::Command;

use rustix::process::geteuid;

use crate::e2e::engine::Engine;
use crate::process::{self, program};
use crate::signals::Trouble;

/// Both ways, except within the container itself.
const RULES: [[&str; 4]; 2] = [["INPUT", "!", "-i", "lo"], ["OUTPUT", "!", "-o", "lo"]];

/// What is missing to cut a container off, if anything is.
pub(super) fn missing() -> Option<String> {
    if !geteuid().is_root() {
        return Some("only root can enter the network of a container".to_owned());
    }
    let missing = ["nsenter", "iptables"].into_iter().find(|name| process::find(name).is_none());
    missing.map(|name| format!("no `{name}` on the path"))
}

/// A cut; healed when dropped.
#[derive(Debug)]
pub(super) struct Cut {
    pid: String,
}

impl Cut {
    /// Cuts a container off.
    ///
    /// # Errors
    /// Its network cannot be entered; the engine may be on another machine.
    pub(super) fn off(engine: &Engine, container: &str) -> Result<Self, Trouble> {
        let pid = engine.ask(&["inspect", "-f", "{{.State.Pid}}", container])?.out;
        let cut = Self { pid: pid.trim().to_owned() };
        if cut.pid == "0" || cut.pid.is_empty() {
            return Err(format!("{container} does not run").into());
        }
        for rule in RULES {
            process::run_quietly(&mut cut.iptables("-I", rule))?;
        }
        Ok(cut)
    }

    fn iptables(&self, change: &str, [chain, not, way, device]: [&str; 4]) -> Command {
        let mut command = program("nsenter");
        command.args(["--target", &self.pid, "--net", "iptables", "--wait"]);
        command.args([change, chain, not, way, device, "-j", "DROP"]);
        command
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        for rule in RULES {
            if let Err(why) = process::run_quietly(&mut self.iptables("-D", rule)) {
                eprintln!("the network stays cut: {why}");
            }
        }
    }
}
