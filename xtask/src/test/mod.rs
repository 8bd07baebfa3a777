//! `cargo xtask test`: the one test command. It runs the stages in order, goes on after a failing
//! one, and ends with a table of what ran, what failed and what was skipped and why.

mod mutation;
mod peers;
pub(crate) mod report;
mod setup;
mod stages;

use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use report::{Outcome, Report, Row};
use stages::{STAGES, Stage};

use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Format, clippy and tests only: what to run while working
    #[arg(long)]
    quick: bool,
    /// Run this stage only; may be given more than once
    #[arg(long = "stage", value_name = "NAME", conflicts_with = "quick")]
    stages: Vec<String>,
    /// Fail if this stage is skipped; may be given more than once
    #[arg(long = "must-run", value_name = "NAME")]
    must_run: Vec<String>,
    /// Take away what a stage compiled for itself alone, once it has run: for small disks
    #[arg(long)]
    sweep: bool,
    /// Name the stages, say what each checks, and stop
    #[arg(long)]
    list: bool,
}

/// Runs the stages that the arguments choose.
///
/// # Errors
/// When a stage failed, or one of that name does not exist.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    if arguments.list {
        STAGES.iter().for_each(|stage| println!("{:<10} {}", stage.name, stage.about));
        return Ok(());
    }
    let chosen = choose(arguments)?;
    for name in &arguments.must_run {
        find(name)?;
    }
    let mut report = Report::default();
    let mut builds = true;
    for stage in chosen {
        println!("\n=== {} : {}", stage.name, stage.about);
        io::stdout().flush().map_err(|error| error.to_string())?;
        let (outcome, took) = if stage.needs_build && !builds {
            (Outcome::Skipped("the workspace does not build".to_owned()), Duration::ZERO)
        } else {
            timed(stage.run)
        };
        let outcome = match outcome {
            Outcome::Skipped(why) if arguments.must_run.iter().any(|name| name == stage.name) => {
                Outcome::Failed(format!("skipped, and must run: {why}"))
            }
            outcome => outcome,
        };
        if let Outcome::Failed(why) = &outcome {
            println!("FAILED {}: {why}", stage.name);
            builds &= !stage.gates;
        }
        // Before the sweep: the table tells what the stage left no room for.
        let free = workspace::free_bytes();
        report.add(Row { name: stage.name, outcome, took, free });
        if arguments.sweep {
            sweep(stage);
        }
    }
    println!("\n{report}");
    if report.failed() == 0 { Ok(()) } else { Err("a stage failed".to_owned()) }
}

fn choose(arguments: &Arguments) -> Result<Vec<&'static Stage>, String> {
    if arguments.stages.is_empty() {
        return Ok(STAGES.iter().filter(|stage| stage.quick || !arguments.quick).collect());
    }
    arguments.stages.iter().map(|name| find(name)).collect()
}

fn find(name: &str) -> Result<&'static Stage, String> {
    let stage = STAGES.iter().find(|stage| stage.name == name);
    stage.ok_or_else(|| format!("no stage `{name}`; `cargo xtask test --list` names them"))
}

/// Takes away what only `stage` compiled.
fn sweep(stage: &Stage) {
    let Some(folder) = stage.own_target else { return };
    match fs::remove_dir_all(workspace::root().join(folder)) {
        Ok(()) => println!("swept {folder}"),
        // The stage was skipped, or `CARGO_TARGET_DIR` gathers everything elsewhere.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => println!("{folder} stays: {error}"),
    }
}

fn timed(run: fn() -> Outcome) -> (Outcome, Duration) {
    // Real time is what the table tells; nothing is decided by it.
    #[allow(clippy::disallowed_methods)]
    let start = std::time::Instant::now();
    let outcome = run();
    (outcome, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(quick: bool, stages: &[&str]) -> Arguments {
        let stages = stages.iter().map(|&name| name.to_owned()).collect();
        Arguments { quick, stages, must_run: Vec::new(), sweep: false, list: false }
    }

    fn names(arguments: &Arguments) -> Vec<&'static str> {
        choose(arguments).unwrap().iter().map(|stage| stage.name).collect()
    }

    #[test]
    fn the_flags_choose_the_stages() {
        assert_eq!(names(&arguments(false, &[])).len(), STAGES.len());
        assert_eq!(names(&arguments(true, &[])), ["setup", "fmt", "build", "clippy", "test"]);
        assert_eq!(names(&arguments(false, &["tidy", "fmt"])), ["tidy", "fmt"]);
        let error = choose(&arguments(false, &["nonsense"])).err().unwrap();
        assert!(error.contains("--list"), "{error}");
    }

    #[test]
    fn only_what_has_a_manifest_of_its_own_is_swept() {
        let swept: Vec<_> = STAGES.iter().filter_map(|stage| stage.own_target).collect();
        assert_eq!(swept, ["fuzz/target", "bench/peers/target"]);
        let manifest = |folder: &&str| folder.replace("target", "Cargo.toml");
        assert!(swept.iter().map(manifest).all(|path| workspace::root().join(path).is_file()));
    }

    #[test]
    fn names_of_stages_are_unique() {
        let mut all: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), STAGES.len());
    }
}
