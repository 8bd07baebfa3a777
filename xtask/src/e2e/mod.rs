//! `cargo xtask e2e`: the whole on real engines, broken on purpose while it works.
//!
//! * `captured.rs`: a program whose output is wanted, with a bound on its time
//! * `engine.rs`: the Docker engine
//! * `images.rs`: images with programs of this checkout
//! * `steps.rs`: what is told of each step
//! * `compose/`: `docker compose up`, and what happens to it

mod captured;
mod compose;
mod engine;
mod images;
mod steps;

use std::process::ExitCode;

pub(crate) use compose::stage as compose_stage;

use crate::signals::{EXIT_INTERRUPTED, Trouble};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// `docker compose up`, then scaled, killed, restarted and cut off while it works
    Compose(compose::Arguments),
}

/// Runs what the arguments ask for. By the time it returns, nothing of it is left.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let What::Compose(compose) = &arguments.what;
    match compose::run(compose) {
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
