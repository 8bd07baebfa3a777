//! Runs the real binary.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use tempfile::TempDir;

/// A mesh with somebody to call, and `operator` to call it.
pub(crate) const SCHEMA: &str = r#"
[thumbnailer]
_allow = ["gateway", "operator"]
[thumbnailer._commands._balanced]
resize = {}
[thumbnailer._commands._broadcast]
stats = { responds = true }

[gateway]
_connect = ["thumbnailer"]

[operator]
_connect = ["thumbnailer"]
"#;

/// A folder that the binary runs in.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a schema and a mesh secret in it.
    pub(crate) fn with_mesh(schema: &str) -> Self {
        let folder = Self::new();
        folder.write("mesh.toml", schema);
        folder.run(&["keygen", "--out", "mesh.secret"]).code(0);
        folder
    }

    /// The names of what is in it.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command_in(self.0.path(), arguments)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }
}

fn command_in(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshwork"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    // Nothing of the machine that runs the tests reaches them.
    command.env_clear();
    command
}

/// What the binary did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        // Ended by a signal: no code.
        let code = output.status.code().unwrap_or(-1);
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// The same, after checking the exit code.
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self:#?}");
        self
    }

    /// The one line of JSON on standard output.
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.out.lines().count(), 1, "{self:#?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Longest wait for something that a process does; a busy machine takes its time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A master in a process of its own, on free ports. Killed if it is dropped.
pub(crate) struct RunningMaster {
    /// What `--json` printed.
    pub(crate) said: Value,
    child: Child,
    out: BufReader<ChildStdout>,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl RunningMaster {
    /// Starts one from `mesh.toml` and `mesh.secret` in the folder, with its state in `state`, and
    /// waits until it runs.
    pub(crate) fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let usual = ["master", "--schema", "mesh.toml", "--secret-file", "mesh.secret", "--json"];
        let listen = ["--mesh-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
        let state = ["--state-dir", "state"];
        let mut command = folder.command(&[&usual[..], &listen, &state, arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let reader = {
            let (log, err) = (log.clone(), BufReader::new(child.stderr.take().unwrap()));
            std::thread::spawn(move || {
                for line in err.lines() {
                    log.lock().unwrap().push_str(&(line.unwrap() + "\n"));
                }
            })
        };
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: {line:?}, log: {}", log.lock().unwrap()));
        Self { said, child, out, log, reader: Some(reader) }
    }

    pub(crate) fn http(&self) -> &str {
        self.said["http"].as_str().unwrap()
    }

    pub(crate) fn mesh(&self) -> &str {
        self.said["mesh"].as_str().unwrap()
    }

    /// Sends it a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits until its log says `text`.
    pub(crate) fn until_logged(&self, text: &str) {
        let step = Duration::from_millis(20);
        for _ in 0..PATIENCE.as_millis() / step.as_millis() {
            if self.log.lock().unwrap().contains(text) {
                return;
            }
            std::thread::sleep(step);
        }
        panic!("never logged {text:?}: {}", self.log.lock().unwrap());
    }

    /// Ends it by SIGTERM, and waits for it.
    pub(crate) fn stop(mut self) -> Ran {
        self.signal("TERM");
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let mut out = self.said.to_string();
        self.out.read_to_string(&mut out).unwrap();
        self.reader.take().unwrap().join().unwrap();
        Ran { code, out, err: self.log.lock().unwrap().clone() }
    }
}

impl Drop for RunningMaster {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
