//! `cargo xtask fuzz`: runs the targets of `fuzz/` for a while each.
//!
//! They run without a sanitizer: our own code has no `unsafe`, so what a sanitizer would look for
//! cannot be there, and the targets build and run twice as fast. Panics, overflows, failed
//! assertions and runaway memory are what they look for.

use std::fs;
use std::path::Path;

use crate::process::{self, cargo_nightly};
use crate::workspace;

/// Most memory that a target may use, MiB: an input that makes a parser allocate more is a finding.
const MEMORY_MAX_MIB: u32 = 1024;
/// Longest time for one input, seconds.
const INPUT_SECONDS_MAX: u32 = 30;
/// Longest input, bytes; every limit of the wire that is smaller than this can be crossed.
const INPUT_BYTES_MAX: u32 = 4096;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Run this target only (default: all; `--list` names them)
    #[arg(long, value_name = "T")]
    target: Option<String>,
    /// Name the targets and stop
    #[arg(long)]
    list: bool,
}

/// Why nothing was fuzzed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Something is missing on this machine; the text says what to install.
    Missing(String),
    /// A target does not build, or found an input that breaks a promise.
    Failed(String),
}

/// Runs what the arguments ask for.
///
/// # Errors
/// When a target failed, or when the tools for it are missing; the text says what to do.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let targets = targets(&workspace::root())?;
    if arguments.list {
        targets.iter().for_each(|target| println!("{target}"));
        return Ok(());
    }
    let chosen = match &arguments.target {
        None => targets,
        Some(name) if targets.contains(name) => vec![name.clone()],
        Some(name) => {
            return Err(format!("no fuzz target `{name}`; there are: {}", targets.join(", ")));
        }
    };
    match smoke(&chosen, arguments.seconds) {
        Ok(()) => Ok(()),
        Err(Trouble::Missing(what)) => Err(format!("SKIPPED: {what}")),
        Err(Trouble::Failed(what)) => Err(what),
    }
}

/// Runs every target in `targets` for `seconds`; a failing one does not stop the others.
///
/// # Errors
/// Which targets failed, or what is missing to run them.
pub(crate) fn smoke(targets: &[String], seconds: u64) -> Result<(), Trouble> {
    prepare()?;
    process::run(&mut cargo_nightly(&["fuzz", "build", "--sanitizer", "none"]))
        .map_err(Trouble::Failed)?;
    let failed: Vec<String> =
        targets.iter().filter_map(|target| run_target(target, seconds).err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(Trouble::Failed(failed.join("; "))) }
}

/// The targets that `fuzz/` has, by name.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder)
        .map_err(|error| format!("{} cannot be read: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn run_target(target: &str, seconds: u64) -> Result<(), String> {
    // The first folder grows and is not kept in git; the second holds inputs worth starting from
    // and every input that once broke something.
    let corpus = format!("fuzz/corpus/{target}");
    let seeds = format!("fuzz/seeds/{target}");
    fs::create_dir_all(workspace::root().join(&corpus))
        .map_err(|error| format!("{corpus} cannot be made: {error}"))?;
    let mut command = cargo_nightly(&["fuzz", "run", "--sanitizer", "none", target, &corpus]);
    if workspace::root().join(&seeds).is_dir() {
        command.arg(&seeds);
    }
    command.args([
        "--",
        &format!("-max_total_time={seconds}"),
        &format!("-rss_limit_mb={MEMORY_MAX_MIB}"),
        &format!("-timeout={INPUT_SECONDS_MAX}"),
        &format!("-max_len={INPUT_BYTES_MAX}"),
        "-verbosity=0",
        "-print_final_stats=1",
    ]);
    process::run(&mut command).map_err(|error| {
        format!(
            "fuzz target {target} failed; keep its input in {seeds}/ once it is mended: {error}"
        )
    })
}

/// Makes sure of the nightly toolchain and of cargo-fuzz; installs the latter.
fn prepare() -> Result<(), Trouble> {
    if process::find("cargo").is_none() || !process::succeeds(&mut cargo_nightly(&["--version"])) {
        let how = "no nightly toolchain (`rustup toolchain install nightly --profile minimal`)";
        return Err(Trouble::Missing(how.to_owned()));
    }
    if process::find("c++").is_none() {
        let how = "no C++ compiler for libFuzzer (Debian: `apt-get install g++`)";
        return Err(Trouble::Missing(how.to_owned()));
    }
    if process::succeeds(&mut cargo_nightly(&["fuzz", "--version"])) {
        return Ok(());
    }
    process::run(&mut cargo_nightly(&["install", "cargo-fuzz", "--locked"])).map_err(|error| {
        Trouble::Missing(format!("no cargo-fuzz (`cargo install cargo-fuzz --locked`): {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_the_files_of_the_folder() {
        let targets = targets(&workspace::root()).unwrap();
        assert!(targets.contains(&"schema".to_owned()), "{targets:?}");
        assert!(targets.is_sorted());
    }

    #[test]
    fn every_target_is_named_in_the_manifest() {
        let manifest = fs::read_to_string(workspace::root().join("fuzz/Cargo.toml")).unwrap();
        for target in targets(&workspace::root()).unwrap() {
            let line = format!("path = \"fuzz_targets/{target}.rs\"");
            assert!(manifest.contains(&line), "fuzz/Cargo.toml has no [[bin]] for {target}");
        }
    }
}
