//! `cargo xtask e2e`: the whole on real engines, broken on purpose while it works.
//!
//! * `captured.rs`: a program whose output is wanted, with a bound on its time
//! * `engine.rs`: the Docker engine
//! * `images.rs`: images with programs of this checkout
//! * `steps.rs`: what is told of each step
//! * `line.rs`: the lines that the load prints
//! * `compose/`: `docker compose up`, and what happens to it
//! * `dashboard/`: the dashboard of a mesh in a browser
//! * `k8s/`: the manifests on a cluster, and deploys that drop nothing

mod captured;
mod compose;
mod dashboard;
mod engine;
mod images;
mod k8s;
mod line;
mod steps;

use std::process::{Command, ExitCode};

pub(crate) use compose::stage as compose_stage;
pub(crate) use dashboard::stage as dashboard_stage;
pub(crate) use k8s::stage as k8s_stage;

use crate::process::{self, program};
use crate::signals::{EXIT_INTERRUPTED, Trouble};
use crate::test::report::Outcome;

/// Set to 1: stages that need an engine or a cluster are skipped though there may be one.
const SKIP: &str = "MESHWORK_SKIP_E2E";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// `docker compose up`, then scaled, killed, restarted and cut off while it works
    Compose(compose::Arguments),
    /// The dashboard in headless Chromium: a mesh is watched while it works and breaks
    Dashboard(dashboard::Arguments),
    /// The manifests on a cluster: rolled out, evicted, killed and changed while it works
    K8s(k8s::Arguments),
}

/// Runs what the arguments ask for. By the time it returns, nothing of it is left.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let ran = match &arguments.what {
        What::Compose(compose) => compose::run(compose),
        What::Dashboard(dashboard) => dashboard::run(dashboard).map_err(Trouble::Failed),
        What::K8s(k8s) => k8s::run(k8s),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(Trouble::Interrupted) => {
            eprintln!("cargo xtask e2e: interrupted; what it started is gone");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(Trouble::Failed(why)) => {
            eprintln!("cargo xtask e2e: {why}");
            ExitCode::FAILURE
        }
    }
}

/// A stage of `cargo xtask test`: `cargo xtask e2e NAME` in a process of its own, which minds
/// signals; skipped where something is `missing`. What is found may be told to that process.
fn stage(name: &str, missing: impl FnOnce(&mut Command) -> Option<String>) -> Outcome {
    if std::env::var_os(SKIP).is_some_and(|value| value == "1") {
        return Outcome::Skipped(format!("{SKIP}=1"));
    }
    let xtask = match std::env::current_exe() {
        Ok(xtask) => xtask,
        Err(error) => return Outcome::Failed(format!("this program cannot be found: {error}")),
    };
    let mut child = program(&xtask.to_string_lossy());
    match missing(&mut child) {
        Some(missing) => Outcome::Skipped(missing),
        None => process::run(child.args(["e2e", name])).into(),
    }
}
