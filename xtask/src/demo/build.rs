//! The three programs of the demo.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Signal, kill_process_group};

use super::child;
use crate::process::{self, cargo, executables};
use crate::signals::{Signals, Trouble};
use crate::workspace;

/// Longest build that is waited for: a slow machine, from nothing.
const BUILD_WITHIN: Duration = Duration::from_secs(3600);

/// Where the built programs are.
#[derive(Debug)]
pub(super) struct Programs {
    by_name: BTreeMap<String, PathBuf>,
}

impl Programs {
    /// Builds them without the optimisation of a release: what computes (pictures, ciphers) is
    /// optimised anyway in this repository, the rest compiles in a fraction of the time, and
    /// `cargo xtask test` goes on from the same build.
    pub(super) fn build(signals: &Signals) -> Result<Self, Trouble> {
        let mut command = cargo(&["build", "--package", "meshwork", "--package", "thumbnails"]);
        command.args(["--bins", "--message-format", "json-render-diagnostics"]);
        eprintln!("$ {}", process::show(&command));
        let mut building = command
            .stdout(Stdio::piped())
            // A group of its own, so that it can be ended as a whole.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cargo did not start: {error}"))?;
        let messages = building.stdout.take().map(|stdout| {
            // Read beside the waiting, so that cargo never waits for a full pipe.
            std::thread::spawn(move || executables(BufReader::new(stdout)))
        });
        let waited = signals.wait(BUILD_WITHIN, || {
            building.try_wait().map_err(|error| Trouble::Failed(error.to_string()))
        });
        if !matches!(waited, Ok(Some(_))) {
            // With all compilers that it has started; then cargo itself is waited for.
            if let Some(group) = child::pid(&building) {
                let _ = kill_process_group(group, Signal::TERM);
            }
            child::end(&mut building);
        }
        match waited? {
            Some(status) if status.success() => {}
            Some(status) => return Err(format!("the build ended with {status}").into()),
            None => return Err("the build takes too long".to_owned().into()),
        }
        let by_name = messages.and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ok(Self { by_name })
    }

    /// The program of that name.
    pub(super) fn path(&self, name: &str) -> Result<&Path, String> {
        let found = self.by_name.get(name).map(PathBuf::as_path);
        found.ok_or_else(|| format!("cargo built no program `{name}`"))
    }

    /// A folder beside the one of the built programs.
    pub(super) fn beside(&self, folder: &str) -> PathBuf {
        let built = self.by_name.values().next().and_then(|path| path.parent()?.parent());
        built.map_or_else(|| workspace::root().join("target"), Path::to_path_buf).join(folder)
    }
}

/// The pictures that come with the example.
pub(super) fn pictures() -> PathBuf {
    workspace::root().join("examples/thumbnails/pictures")
}

/// The schema of the example.
pub(super) fn schema() -> PathBuf {
    workspace::root().join("examples/thumbnails/mesh.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_what_cargo_tells() {
        let told = r#"{"reason":"compiler-artifact","target":{"name":"log"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"gateway"},"executable":"/t/debug/gateway"}
not json
{"reason":"build-finished","success":true}"#;
        let by_name = executables(told.as_bytes());
        let programs = Programs { by_name };
        assert_eq!(programs.path("gateway"), Ok(Path::new("/t/debug/gateway")));
        assert!(programs.path("log").is_err());
        assert_eq!(programs.beside("demo"), Path::new("/t/demo"));
    }

    #[test]
    fn what_the_demo_needs_is_in_the_repository() {
        assert!(schema().is_file());
        assert!(pictures().is_dir());
    }
}
