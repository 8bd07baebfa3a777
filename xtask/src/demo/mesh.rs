//! The processes of the demo in their order: master, thumbnailers, gateway. Dropping the mesh ends
//! all of them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use tempfile::TempDir;

use super::build::{self, Programs};
use super::child::Child;
use super::summary::Reported;
use crate::process;
use crate::signals::{Signals, Trouble};

/// Variables of the user that would change what the demo shows start like this.
const VARIABLES: &str = "MESHWORK_";

/// Any free port of this machine, and of no other.
const ANY_PORT: &str = "127.0.0.1:0";

/// What a running master says of itself; it says more than is needed here.
#[derive(Debug, Default, Deserialize)]
struct Running {
    /// Its HTTP side, where workers ask for the mesh port: `http://host:port`.
    http: String,
    /// The public key that it proves itself with.
    authority: String,
}

/// The mesh on this machine.
pub(super) struct Mesh<'a> {
    gateway: Option<Child>,
    thumbnailers: Vec<Child>,
    master: Option<Child>,
    running: Running,
    programs: &'a Programs,
    signals: &'a Signals,
    out: PathBuf,
    /// Secret, state of the master, report of the gateway.
    state: TempDir,
    /// Whether people read along.
    talks: bool,
}

impl<'a> Mesh<'a> {
    /// Makes folders and a mesh secret. The bare secret is enough on a laptop, where all processes
    /// are one user's; deployed workers get join keys.
    pub(super) fn prepare(
        programs: &'a Programs,
        out: &Path,
        signals: &'a Signals,
        talks: bool,
    ) -> Result<Self, Trouble> {
        let cannot = |error| format!("{} cannot be made: {error}", out.display());
        fs::create_dir_all(out.join("logs")).map_err(cannot)?;
        let out = fs::canonicalize(out).map_err(cannot)?;
        let state = tempfile::Builder::new().prefix("meshwork-demo-").tempdir();
        let state = state.map_err(|error| format!("no temporary folder: {error}"))?;
        let (gateway, thumbnailers, master) = (None, Vec::new(), None);
        let running = Running::default();
        let mesh =
            Self { gateway, thumbnailers, master, running, programs, signals, out, state, talks };
        let mut keygen = mesh.program("meshwork")?;
        keygen.arg("keygen").arg("--out").arg(mesh.secret());
        if process::succeeds(&mut keygen) {
            Ok(mesh)
        } else {
            Err(format!("`{}` failed", process::show(&keygen)).into())
        }
    }

    /// Starts the master and waits until it tells its address.
    pub(super) fn start_master(&mut self) -> Result<(), Trouble> {
        let mut command = self.program("meshwork")?;
        command
            .args(["master", "--json"])
            .env("MESHWORK_SCHEMA_FILE", build::schema())
            .env("MESHWORK_SECRET_FILE", self.secret())
            .env("MESHWORK_MESH_LISTEN", ANY_PORT)
            .env("MESHWORK_HTTP_LISTEN", ANY_PORT)
            .env("MESHWORK_STATE_DIR", self.state.path().join("master"));
        let mut master = Child::start("master", command, &self.log("master"))?;
        self.running = master.wait_for(self.signals, Running::read)?;
        self.say(&format!("master       pid {:<8} {}", master.pid(), self.running.http));
        self.master = Some(master);
        Ok(())
    }

    /// Starts all thumbnailers, then waits until each is ready.
    pub(super) fn start_thumbnailers(&mut self, count: u16) -> Result<(), Trouble> {
        for nth in 1..=count {
            let command = self.worker("thumbnailer")?;
            let name = format!("thumbnailer-{nth}");
            self.thumbnailers.push(Child::start(&name, command, &self.log(&name))?);
        }
        let ready = |line: &str| Some(line.strip_suffix(" is ready")?.to_owned());
        for nth in 0..self.thumbnailers.len() {
            let identity = self.thumbnailers[nth].wait_for(self.signals, ready)?;
            let pid = self.thumbnailers[nth].pid();
            self.say(&format!("thumbnailer  pid {pid:<8} {identity}"));
        }
        Ok(())
    }

    /// Runs the gateway to its end and takes its report. All others must have lived through it.
    pub(super) fn run_gateway(&mut self, pictures: &Path, json: bool) -> Result<Reported, Trouble> {
        let report = self.state.path().join("report.json");
        let mut command = self.worker("gateway")?;
        command.arg("--pictures").arg(fs::canonicalize(pictures).unwrap_or(pictures.to_owned()));
        command.arg("--out").arg(&self.out).arg("--report").arg(&report);
        command.arg("--thumbnailers").arg(self.thumbnailers.len().to_string());
        if json {
            // Our own line takes the place of its; what failed, it says on standard error.
            command.arg("--json").stdout(Stdio::null());
        }
        let gateway = Child::start_shown("gateway", command)?;
        self.say(&format!("gateway      pid {:<8} {}\n", gateway.pid(), pictures.display()));
        let gateway = self.gateway.insert(gateway);
        let status = gateway.wait_for_end(self.signals)?;
        let reported = fs::read_to_string(&report).ok();
        let reported = reported.as_deref().and_then(Reported::read);
        let reported = reported.ok_or_else(|| gateway.failed(&format!("ended with {status}")))?;
        self.master.iter_mut().chain(&mut self.thumbnailers).try_for_each(Child::must_run)?;
        Ok(reported)
    }

    /// The ids of all processes: master, thumbnailers, gateway.
    pub(super) fn pids(&self) -> Vec<u32> {
        let all = self.master.iter().chain(&self.thumbnailers).chain(&self.gateway);
        all.map(Child::pid).collect()
    }

    /// Stops the thumbnailers, then the master, each as it wants to be stopped.
    pub(super) fn stop(mut self) -> Result<(), Trouble> {
        self.ask_to_end();
        self.thumbnailers.iter_mut().try_for_each(Child::end)?;
        self.master.iter_mut().try_for_each(Child::end)?;
        self.say("Every process has left the mesh and ended.");
        Ok(())
    }

    /// Tells all workers at once, so that their graces do not add up.
    fn ask_to_end(&mut self) {
        self.gateway.iter_mut().chain(&mut self.thumbnailers).for_each(Child::ask_to_end);
    }

    /// A worker of the mesh.
    fn worker(&self, name: &str) -> Result<Command, String> {
        let mut command = self.program(name)?;
        command
            .env("MESHWORK_MASTER", &self.running.http)
            // So that they need not trust whoever answers there.
            .env("MESHWORK_AUTHORITY", &self.running.authority)
            .env("MESHWORK_SECRET_FILE", self.secret())
            .env("MESHWORK_STRICT_HANDLERS", "true")
            .env("MESHWORK_LISTEN", ANY_PORT);
        Ok(command)
    }

    /// A program that was built, without the settings of the user.
    fn program(&self, name: &str) -> Result<Command, String> {
        let mut command = Command::new(self.programs.path(name)?);
        for (variable, _) in env::vars_os() {
            if variable.to_str().is_some_and(|variable| variable.starts_with(VARIABLES)) {
                command.env_remove(variable);
            }
        }
        Ok(command)
    }

    fn secret(&self) -> PathBuf {
        self.state.path().join("mesh.secret")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.out.join("logs").join(format!("{name}.log"))
    }

    fn say(&self, line: &str) {
        if self.talks {
            println!("{line}");
        }
    }
}

impl Drop for Mesh<'_> {
    fn drop(&mut self) {
        // Each is waited for when it is dropped itself, in the order of the fields.
        self.ask_to_end();
    }
}

impl Running {
    /// Reads the line of JSON that the master prints; `None` for any other line.
    fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_a_master_prints() {
        let line = r#"{"mesh":"127.0.0.1:4710","http":"http://127.0.0.1:4711",
            "authority":"authority1_a","pid":7}"#;
        let running = Running::read(line).unwrap();
        assert_eq!(running.http, "http://127.0.0.1:4711");
        assert_eq!(running.authority, "authority1_a");
        assert!(Running::read("workers join at 127.0.0.1:4710").is_none());
    }
}
