//! Runs the product as real processes for a while, kills them again and again, and holds what they
//! wrote down against what is promised. `cargo xtask soak` builds and starts it.
//!
//! * [`arguments`]: the command line, of people and of the processes that this one starts
//! * [`plan`]: who is killed when, drawn from a seed; pure
//! * [`record`], [`journal`]: what processes write down, and the files that hold it
//! * [`check`]: whether the promises were kept, from the records alone; pure
//! * [`roles`]: what the processes do: master, producer, runner
//! * [`site`]: the processes as this one sees them: started, killed, stopped
//! * [`soak`]: a run from its beginning to its end; [`progress`], [`report`]: showing it
#![forbid(unsafe_code)]

mod arguments;
mod check;
mod journal;
mod plan;
mod progress;
mod record;
mod report;
mod roles;
mod site;
mod soak;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use soak::Trouble;

/// A value, or what went wrong, for whoever started the program.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Exit code when there is nothing to soak with.
const EXIT_SKIPPED: u8 = 3;

/// Exit code of a program that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Queue(arguments) => return queue(&arguments),
        Command::Master => roles::master::run(),
        Command::Runner(arguments) => roles::runner::run(&arguments),
        Command::Producer(arguments) => roles::producer::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn queue(arguments: &arguments::QueueArguments) -> ExitCode {
    match soak::run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            eprintln!("cargo xtask soak queue: {trouble}");
            match trouble {
                Trouble::NoRedis => ExitCode::from(EXIT_SKIPPED),
                Trouble::Interrupted => ExitCode::from(EXIT_INTERRUPTED),
                Trouble::Failed(_) => ExitCode::FAILURE,
            }
        }
    }
}
