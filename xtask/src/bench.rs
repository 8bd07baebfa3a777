//! `cargo xtask bench`: builds the benchmark with optimisation and hands it its arguments.
//!
//! * `dashboard.rs`: what needs a browser, and is measured from here

mod dashboard;

use crate::peers::{self, Profile};
use crate::process::{self, cargo};
use crate::queue_peers;

/// The first argument that asks for durable jobs, which have peers of their own.
const QUEUE: &str = "queue";

/// The first argument that asks what the dashboard costs.
const DASHBOARD: &str = "dashboard";

/// The argument that asks for what people would use instead, which is then built too.
const PEERS: &str = "--peers";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The cipher that all sides seal with; stands before the arguments of the benchmark
    #[arg(long, value_enum, default_value_t = Aead::Ring)]
    aead: Aead,
    /// Arguments of the benchmark itself; `cargo xtask bench -- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// A cipher of the same bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Aead {
    /// The one of the shipped binaries.
    Ring,
    /// The one in pure Rust, of a build without features.
    Chacha20poly1305,
}

/// Runs the benchmark.
///
/// # Errors
/// When it does not build or ends with a failure.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    if arguments.arguments.first().is_some_and(|argument| argument == DASHBOARD) {
        return dashboard::run(&arguments.arguments[1..]);
    }
    let mut command = cargo(&["run", "--release", "--quiet", "-p", "meshwork-bench"]);
    if arguments.aead == Aead::Chacha20poly1305 {
        command.arg("--no-default-features");
    }
    command.arg("--");
    let with_peers = arguments.arguments.iter().any(|argument| argument == PEERS);
    let is_queue = arguments.arguments.first().is_some_and(|argument| argument == QUEUE);
    let mut rest = arguments.arguments.as_slice();
    if is_queue {
        command.arg(QUEUE);
        rest = &rest[1..];
    }
    if with_peers && is_queue {
        command.args(queue_peers::arguments()?);
    } else if with_peers {
        command.arg("--peers-program").arg(peers::build(Profile::Release)?);
    }
    // Only the benchmark's own lines belong on standard output: `--json` is read by machines.
    match command.args(rest).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` ended with {status}", process::show(&command))),
        Err(error) => Err(format!("`{}` did not start: {error}", process::show(&command))),
    }
}
