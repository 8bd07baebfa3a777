//! A mesh of processes on this machine, for what is done to the dashboard: a master, and what else
//! is started beside it. Dropping the mesh ends all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;

use crate::process;
use crate::programs::Programs;
use crate::workspace;

/// How long a process may take to say that it is there; one of them is a hundred members.
const READY_WITHIN: Duration = Duration::from_secs(300);

/// The name of the master among the processes.
pub(crate) const MASTER: &str = "master";

/// Any free port of this machine.
const ANY_PORT: &str = "127.0.0.1:0";

/// What a running master says of itself; it says more than is needed here.
#[derive(Debug, Deserialize)]
struct Running {
    http: String,
    authority: String,
    token_file: PathBuf,
}

/// The mesh on this machine.
pub(crate) struct Mesh<'a> {
    programs: &'a Programs,
    logs: PathBuf,
    state: TempDir,
    running: Running,
    processes: BTreeMap<String, Ended>,
}

/// A process that ends with this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // One that has ended is only waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl<'a> Mesh<'a> {
    /// Starts a master with that schema and those variables.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start(
        programs: &'a Programs,
        logs: &Path,
        schema: &str,
        settings: &[(&str, &str)],
    ) -> Result<Self, String> {
        let state = tempfile::Builder::new().prefix("meshwork-xtask-").tempdir();
        let state = state.map_err(|error| format!("no temporary folder: {error}"))?;
        let running =
            Running { http: String::new(), authority: String::new(), token_file: PathBuf::new() };
        let (logs, processes) = (logs.to_owned(), BTreeMap::new());
        let mut mesh = Self { programs, logs, state, running, processes };
        let mut keygen = mesh.program("meshwork")?;
        process::run(keygen.arg("keygen").arg("--out").arg(mesh.path("mesh.secret")))?;
        let mut command = mesh.program("meshwork")?;
        command
            .args(["master", "--json"])
            .env("MESHWORK_SCHEMA_FILE", workspace::root().join(schema))
            .env("MESHWORK_MESH_LISTEN", ANY_PORT)
            .env("MESHWORK_HTTP_LISTEN", ANY_PORT)
            .env("MESHWORK_STATE_DIR", mesh.path("master"))
            .envs(settings.iter().copied());
        mesh.running = mesh.spawn(MASTER, command, |line| serde_json::from_str(line).ok())?;
        Ok(mesh)
    }

    /// Where the master's HTTP side is.
    pub(crate) fn http(&self) -> &str {
        &self.running.http
    }

    /// Where the dashboard is.
    pub(crate) fn dashboard(&self) -> String {
        format!("{}/", self.running.http)
    }

    /// What opens it.
    ///
    /// # Errors
    /// The file of the token cannot be read.
    pub(crate) fn token(&self) -> Result<String, String> {
        let file = &self.running.token_file;
        let token = fs::read_to_string(file);
        token.map(|token| token.trim().to_owned()).map_err(|error| format!("{file:?}: {error}"))
    }

    /// Ends a process as a crash does.
    pub(crate) fn kill(&mut self, name: &str) {
        self.processes.remove(name);
    }

    /// The number of a process that was started under that name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn pid(&self, name: &str) -> Result<u32, String> {
        let process = self.processes.get(name);
        process.map(|process| process.0.id()).ok_or_else(|| format!("{name} does not run"))
    }

    /// A program that joins this mesh.
    ///
    /// # Errors
    /// It was not built.
    pub(crate) fn worker(&self, name: &str) -> Result<Command, String> {
        let mut command = self.program(name)?;
        command
            .env("MESHWORK_MASTER", &self.running.http)
            .env("MESHWORK_AUTHORITY", &self.running.authority)
            .env("MESHWORK_LISTEN", ANY_PORT);
        Ok(command)
    }

    /// A program without the settings of the user.
    fn program(&self, name: &str) -> Result<Command, String> {
        let mut command = Command::new(self.programs.path(name)?);
        for (variable, _) in std::env::vars_os() {
            if variable.to_str().is_some_and(|variable| variable.starts_with("MESHWORK_")) {
                command.env_remove(variable);
            }
        }
        command.env("MESHWORK_SECRET_FILE", self.path("mesh.secret"));
        command.env("MESHWORK_QUEUE", format!("file:{}", self.path("jobs.db").display()));
        Ok(command)
    }

    /// A place for a file of this mesh.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    /// Starts a process under a name, and waits until it prints a line that `pick` wants. Its
    /// standard input ends with the mesh.
    ///
    /// # Errors
    /// It does not start, or prints none; the log is named.
    pub(crate) fn spawn<T: Send + 'static>(
        &mut self,
        name: &str,
        mut command: Command,
        pick: fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        let log = self.logs.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .map_err(|error| format!("{name} did not start: {error}"))?;
        let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        self.processes.insert(name.to_owned(), Ended(child));
        let (picked, found) = mpsc::sync_channel(1);
        // Reads on to the end, so that the process never waits for a full pipe.
        thread::spawn(move || {
            for line in lines.into_iter().flatten().map_while(Result::ok) {
                if let Some(value) = pick(&line) {
                    // It is told once; nobody listens any more.
                    let _ = picked.try_send(value);
                }
            }
        });
        let waited = found.recv_timeout(READY_WITHIN);
        waited.map_err(|_| format!("{name} does not get ready; see {}", log.display()))
    }
}
