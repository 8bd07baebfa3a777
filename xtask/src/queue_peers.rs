//! What people would use instead of our queues, made ready for the benchmark: apalis-redis is a
//! program of the package `bench/peers`, BullMQ a folder beside it whose packages npm installs.

use std::path::PathBuf;

use crate::peers::{self, Profile};
use crate::process::{self, program};
use crate::workspace;

/// The folder of BullMQ's programs, from the root of the repository.
const BULLMQ: &str = "bench/peers/bullmq";

/// The arguments that tell the benchmark where they are. Without npm there is no BullMQ, which the
/// benchmark then says.
///
/// # Errors
/// One of them does not build.
pub(crate) fn arguments() -> Result<Vec<PathBuf>, String> {
    let mut arguments = vec!["--apalis-program".into(), peers::build_queue(Profile::Release)?];
    if process::find("npm").is_some() && process::find("node").is_some() {
        arguments.extend(["--bullmq-folder".into(), install()?]);
    }
    Ok(arguments)
}

/// Installs what the lock file names, unless that was done before.
fn install() -> Result<PathBuf, String> {
    let folder = workspace::root().join(BULLMQ);
    if !folder.join("node_modules/bullmq").is_dir() {
        let mut npm = program("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
        let shown = process::show(&npm);
        // Standard output belongs to the figures.
        eprintln!("$ {shown}");
        if !process::succeeds(&mut npm) {
            return Err(format!("`{shown}` failed in {BULLMQ}"));
        }
    }
    Ok(folder)
}
