//! Runs the real binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A mesh with somebody to call, and `operator` to call it.
pub const SCHEMA: &str = r#"
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
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        command_in(self.0.path(), arguments)
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
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
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
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
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self:#?}");
        self
    }

    /// The one line of JSON on standard output.
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.out.lines().count(), 1, "{self:#?}");
        serde_json::from_str(&self.out).unwrap()
    }
}
