//! A process of its own: the example `echo`. Dropping it kills the process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{Mesh, eventually};

pub(crate) struct Child {
    process: std::process::Child,
    folder: TempDir,
}

impl Child {
    /// Starts an instance with these settings and no others.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let process = Command::new(echo())
            .env_clear()
            .envs(settings.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    /// Starts an instance in a mesh and waits until it is ready.
    pub(crate) async fn join(mesh: &Mesh, variant: &str, more: &[(&str, &str)]) -> Self {
        let (master, secret) = (mesh.address().to_string(), mesh.secret.expose_text());
        let mut settings = vec![
            ("MESHWORK_MASTER", master.as_str()),
            ("MESHWORK_SECRET", &secret),
            ("MESHWORK_VARIANT", variant),
            ("MESHWORK_LISTEN", "127.0.0.1:0"),
        ];
        settings.extend(more);
        let child = Self::start(&settings);
        child.says("is ready").await;
        child
    }

    /// Everything that it has written.
    pub(crate) fn output(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it has written that.
    pub(crate) async fn says(&self, text: &str) {
        eventually(&format!("a child says {text:?}"), || self.output().contains(text)).await;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may be dead already, as its test wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- a child wrote:\n{}", self.output());
        }
    }
}

/// Beside this program's own folder, where cargo puts examples.
fn echo() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let echo = own.parent().and_then(Path::parent).unwrap().join("examples/echo");
    assert!(echo.exists(), "cargo build -p meshwork-worker --example echo: no {}", echo.display());
    echo
}
