//! The benchmark: calls between two processes beside a bare encrypted echo in the same run, and
//! what hostile traffic costs a process. `docs/BENCHMARKS.md` says how to read it.
//!
//! * [`arguments`]: the command line, of people and of the processes that this one starts
//! * [`suite`]: runs the points, in turns; [`point`], [`mod@what`]: which there are
//! * [`servers`], [`serve`], [`drive`]: the processes that are held to a core each
//! * [`limit`], [`link`], [`call`]: what is measured; [`mesh`]: the mesh that calls go through
//! * [`links`]: many links to one worker
//! * [`measurement`], [`target`]: what runs come to
//! * [`report`], [`markdown`], [`plot`], [`progress`]: showing
//! * [`queue`]: durable jobs
//! * [`mod@crowd`]: a mesh of many members, to be looked at
//! * [`hostile`]: floods, and timing of refusals
//!
//! Processes and counting are in the crate `harness`, which the peers share.
#![forbid(unsafe_code)]

mod arguments;
mod call;
mod crowd;
mod drive;
mod hostile;
mod limit;
mod link;
mod links;
mod markdown;
mod measurement;
mod mesh;
mod plot;
mod point;
mod progress;
mod queue;
mod report;
mod serve;
mod servers;
mod suite;
mod target;
mod what;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use meshwork_bench_harness::{Outcome, child, process, tally};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => suite::run(&arguments.suite),
        Some(Command::Queue(queue)) => queue::run(&queue),
        Some(Command::QueueRole(role)) => queue::role(&role),
        Some(Command::Hostile(hostile)) => hostile::run(&hostile),
        Some(Command::Serve(serve)) => serve::run(&serve),
        Some(Command::Drive(drive)) => drive::run(&drive),
        Some(Command::Join(join)) => links::join(&join),
        Some(Command::Crowd(crowd)) => crowd::run(&crowd),
        Some(Command::Attack(attack)) => hostile::attack(&attack),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meshwork-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
