//! `cargo xtask`: what a newcomer types. Each command is a module; this file only dispatches.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod browser;
mod crowd;
mod demo;
mod e2e;
mod fuzz;
mod mesh;
mod peers;
mod process;
mod programs;
mod queue_peers;
mod signals;
mod soak;
mod test;
mod tidy;
mod workspace;

/// The chores of this repository, each as one command.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
#[command(after_help = "Start here:\n  \
    cargo xtask demo           a master and its workers at real work, and what comes of it\n  \
    cargo xtask test           everything that must hold before a change lands\n  \
    cargo xtask test --quick   format, clippy and tests: what to run while working\n  \
    cargo xtask test --list    the stages and what each of them checks")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build and run the thumbnails example: a master, thumbnailers and a gateway
    Demo(demo::Arguments),
    /// Run the whole on a real container engine or in a real browser, break it meanwhile, and look
    E2e(e2e::Arguments),
    /// Run every check of the repository and print a table of what ran
    Test(test::Arguments),
    /// Check the house rules that no compiler knows: sizes, names, who may import whom
    Tidy,
    /// Feed random input to the parsers and state machines (needs the nightly toolchain)
    Fuzz(fuzz::Arguments),
    /// Kill real processes again and again and check what is promised; `cargo xtask soak queue`
    Soak(soak::Arguments),
    /// Measure calls beside a bare encrypted echo, and `--peers`; arguments go to the crate `bench`
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(arguments) => return demo::run(&arguments),
        Command::E2e(arguments) => return e2e::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Tidy => tidy::run(),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
