//! The processes: a master, its thumbnailers, and what keeps them busy. Dropping the mesh ends all.

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

use crate::process::{self, cargo};
use crate::workspace;

/// How long a process may take to say that it is there.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long a lost member stays on the list here, so that it can be seen to go.
const LOST_KEPT: &str = "8s";

/// Any free port of this machine.
const ANY_PORT: &str = "127.0.0.1:0";

/// The built programs.
pub(super) struct Programs(BTreeMap<String, PathBuf>);

impl Programs {
    /// Builds them as the demo does.
    ///
    /// # Errors
    /// They do not build.
    pub(super) fn build() -> Result<Self, String> {
        let packages = ["build", "--package", "meshwork", "--package", "thumbnails", "--bins"];
        process::build(cargo(&packages)).map(Self)
    }

    /// A folder beside the one of the programs.
    pub(super) fn beside(&self, folder: &str) -> PathBuf {
        let built = self.0.values().next().and_then(|path| path.parent()?.parent());
        built.map_or_else(|| workspace::root().join("target"), Path::to_path_buf).join(folder)
    }

    fn path(&self, name: &str) -> Result<&Path, String> {
        let found = self.0.get(name).map(PathBuf::as_path);
        found.ok_or_else(|| format!("cargo built no program `{name}`"))
    }
}

/// What a running master says of itself; it says more than is needed here.
#[derive(Debug, Deserialize)]
struct Running {
    http: String,
    authority: String,
    token_file: PathBuf,
}

/// The mesh on this machine.
pub(super) struct Mesh<'a> {
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
    /// Starts a master, and three thumbnailers with their queue in a file.
    ///
    /// # Errors
    /// One of them does not start.
    pub(super) fn start(programs: &'a Programs, logs: &Path) -> Result<Self, String> {
        let state = tempfile::Builder::new().prefix("meshwork-e2e-").tempdir();
        let state = state.map_err(|error| format!("no temporary folder: {error}"))?;
        let running =
            Running { http: String::new(), authority: String::new(), token_file: PathBuf::new() };
        let (logs, processes) = (logs.to_owned(), BTreeMap::new());
        let mut mesh = Self { programs, logs, state, running, processes };
        let mut keygen = mesh.program("meshwork")?;
        process::run(keygen.arg("keygen").arg("--out").arg(mesh.path("mesh.secret")))?;
        mesh.start_master()?;
        for nth in 1..=3 {
            let name = format!("thumbnailer-{nth}");
            let mut command = mesh.worker("thumbnailer")?;
            command.env("MESHWORK_VARIANT", &name);
            mesh.spawn(&name, command, |line| line.ends_with(" is ready").then_some(()))?;
        }
        Ok(mesh)
    }

    fn start_master(&mut self) -> Result<(), String> {
        let mut command = self.program("meshwork")?;
        command
            .args(["master", "--json"])
            .env("MESHWORK_SCHEMA_FILE", workspace::root().join("examples/thumbnails/mesh.toml"))
            .env("MESHWORK_MESH_LISTEN", ANY_PORT)
            .env("MESHWORK_HTTP_LISTEN", ANY_PORT)
            .env("MESHWORK_LOST_KEPT", LOST_KEPT)
            .env("MESHWORK_LEASE", "2s")
            .env("MESHWORK_STATE_DIR", self.path("master"));
        let running = self.spawn("master", command, |line| serde_json::from_str(line).ok())?;
        self.running = running;
        Ok(())
    }

    /// Where the dashboard is.
    pub(super) fn dashboard(&self) -> String {
        format!("{}/", self.running.http)
    }

    /// What opens it.
    ///
    /// # Errors
    /// The file of the token cannot be read.
    pub(super) fn token(&self) -> Result<String, String> {
        let file = &self.running.token_file;
        let token = fs::read_to_string(file);
        token.map(|token| token.trim().to_owned()).map_err(|error| format!("{file:?}: {error}"))
    }

    /// Keeps the thumbnailers busy until it is ended.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start_load(&mut self) -> Result<(), String> {
        let mut command = self.worker("load")?;
        let pictures = workspace::root().join("examples/thumbnails/pictures");
        command.arg("--pictures").arg(pictures).args(["--resize", "8", "--print", "3"]);
        command.args(["--preview", "2", "--thumbnailers", "2"]);
        self.spawn("load", command, |_| Some(()))
    }

    /// Enqueues a job whose argument no thumbnailer can read.
    ///
    /// # Errors
    /// It was not stored.
    pub(super) fn enqueue_broken(&self) -> Result<(), String> {
        let mut command = self.worker("meshwork")?;
        command.args(["call", "thumbnailer.preview", r#"{"broken": true}"#, "--as", "gateway"]);
        process::run(&mut command)
    }

    /// Ends a process as a crash does.
    pub(super) fn kill(&mut self, name: &str) {
        self.processes.remove(name);
    }

    fn worker(&self, name: &str) -> Result<Command, String> {
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

    fn path(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    /// Starts a process, and waits until it prints a line that `pick` wants.
    fn spawn<T: Send + 'static>(
        &mut self,
        name: &str,
        mut command: Command,
        pick: fn(&str) -> Option<T>,
    ) -> Result<T, String> {
        let log = self.logs.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
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
