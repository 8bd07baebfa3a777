//! What people would use instead, each as a server and a client that the benchmark starts: the
//! server held to core 0, with its broker if it has one, the client to core 1. They speak the same
//! protocol with it as its own processes do: a line of JSON when they are ready or done.
//!
//! * [`arguments`]: the command line, of the benchmark alone
//! * [`load`]: the closed loop; [`address`]: ports to listen on
//! * [`nats`], [`grpc`], [`ractors`], [`telepathy`]: the peers
#![forbid(unsafe_code)]

mod address;
mod arguments;
mod grpc;
mod load;
mod nats;
mod ractors;
mod telepathy;

use std::process::ExitCode;

use arguments::{Arguments, Command, DriveArguments, Peer};
use clap::Parser;
use load::Load;
use meshwork_bench_harness::{Outcome, child};

fn main() -> ExitCode {
    child::end_with_parent();
    let done = match Arguments::parse().command {
        Command::Serve { role } => serve(role),
        Command::Drive(arguments) => drive(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meshwork-bench-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process that started this one is gone.
fn serve(peer: Peer) -> Outcome {
    match peer {
        Peer::Nats => child::runtime()?.block_on(nats::serve()),
        Peer::Tonic => child::runtime()?.block_on(grpc::serve()),
        Peer::Ractor => child::runtime()?.block_on(ractors::serve()),
        // Its runtime is of one thread too, and has what actors need around it.
        Peer::Telepathy => actix::System::new().block_on(telepathy::serve()),
    }
}

/// Keeps the calls in flight, measures one window and says the figures.
fn drive(arguments: &DriveArguments) -> Outcome {
    let load = Load::new(arguments)?;
    let address = arguments.address;
    let measurement = match arguments.what {
        Peer::Nats => child::runtime()?.block_on(nats::drive(address, load)),
        Peer::Tonic => child::runtime()?.block_on(grpc::drive(address, load)),
        Peer::Ractor => child::runtime()?.block_on(ractors::drive(address, load)),
        Peer::Telepathy => actix::System::new().block_on(telepathy::drive(address, load)),
    }?;
    child::say(&measurement)
}
