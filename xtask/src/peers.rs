//! The package `bench/peers`: what people would use instead. It is no member of the workspace, so
//! that only those compile it who want its figures.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, cargo};

/// Its manifest, from the root of the repository.
pub(crate) const MANIFEST: &str = "bench/peers/Cargo.toml";

/// Its program, and the one of peers of the queues.
const PROGRAM: &str = "meshwork-bench-peers";
const QUEUE_PROGRAM: &str = "meshwork-bench-queue-peers";

/// How it is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quickly.
    Dev,
    /// As figures need it.
    Release,
}

/// A command of cargo on the package.
pub(crate) fn command(subcommand: &str) -> Command {
    cargo(&[subcommand, "--manifest-path", MANIFEST])
}

/// Builds the program and says where it is.
///
/// # Errors
/// It does not build.
pub(crate) fn build(profile: Profile) -> Result<PathBuf, String> {
    build_program(PROGRAM, profile)
}

/// The same of the peers of the queues, and of nothing else.
///
/// # Errors
/// It does not build.
pub(crate) fn build_queue(profile: Profile) -> Result<PathBuf, String> {
    build_program(QUEUE_PROGRAM, profile)
}

fn build_program(name: &str, profile: Profile) -> Result<PathBuf, String> {
    let mut command = command("build");
    command.args(["--package", name, "--locked"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    process::build_program(command, name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::workspace;

    /// The lines of the release profile in a manifest.
    fn release_profile(manifest: &str) -> Vec<String> {
        let text = fs::read_to_string(workspace::root().join(manifest)).unwrap();
        let lines = text.lines().skip_while(|line| *line != "[profile.release]").skip(1);
        lines.take_while(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn peers_are_optimised_like_the_workspace() {
        let ours = release_profile("Cargo.toml");
        assert!(!ours.is_empty());
        assert_eq!(ours, release_profile(MANIFEST));
    }
}
