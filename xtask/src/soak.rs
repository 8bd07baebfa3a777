//! `cargo xtask soak`: builds the soak and hands it its arguments.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, cargo};

/// The program.
const PROGRAM: &str = "meshwork-soak";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to soak, and its arguments; `cargo xtask soak queue --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// Runs a soak in the place of this process, so that signals and exit codes are its own.
///
/// # Errors
/// It does not build or start.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let mut soak = Command::new(build()?);
    soak.args(&arguments.arguments);
    become_program(&mut soak)
}

#[cfg(unix)]
fn become_program(program: &mut Command) -> Result<(), String> {
    use std::os::unix::process::CommandExt;

    // It comes back only when that failed.
    let error = program.exec();
    Err(format!("`{}` did not start: {error}", process::show(program)))
}

#[cfg(not(unix))]
fn become_program(program: &mut Command) -> Result<(), String> {
    process::run(program)
}

/// Builds the program and says where it is. Not optimised: what computes (ciphers) is so anyway
/// in this repository, and `cargo xtask test` goes on from the same build.
///
/// # Errors
/// It does not build.
pub(crate) fn build() -> Result<PathBuf, String> {
    process::build_program(cargo(&["build", "--package", PROGRAM]), PROGRAM)
}
