//! A worker that shrinks pictures. Start as many as there are cores, on as many machines as there
//! are: gateways find them by themselves.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use crate::commands::{Flush, Preview, Print, Resize, Stats};
use crate::gateway::signals;
use crate::limits;
use crate::workshop::Workshop;
use clap::Parser;
use meshwork_worker::{Command, Context, StartError, Worker};

/// Shrink pictures for a gateway.
///
/// Where the master is and what lets it in comes from the environment: MESHWORK_MASTER
/// (http://127.0.0.1:7071) and MESHWORK_SECRET_FILE. MESHWORK_VARIANT names this instance.
/// It runs until SIGTERM or Ctrl-C, then finishes what it has begun. A command of the schema that
/// it has no handler for is warned about: when the schema gets a command, images from before go on.
#[derive(Parser)]
#[command(
    name = "thumbnailer",
    after_help = "Exit codes: 0 it was told to stop and has left \
    the mesh, 1 it did not start, 2 wrong arguments.\nLogs: RUST_LOG=debug"
)]
struct Arguments {
    /// Do without a command, as a build from before that command would; may be given more than once
    #[arg(long, value_name = "COMMAND",
        value_parser = clap::builder::PossibleValuesParser::new(COMMANDS))]
    leave_out: Vec<String>,
}

/// What it can be asked.
const COMMANDS: [&str; 5] = [Resize::NAME, Print::NAME, Preview::NAME, Stats::NAME, Flush::NAME];

/// Serves until it is told to stop; answers the exit code.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    // Awaited from the start: it may have to wait for a master for long, and what is the first
    // process of a container is not ended by a signal that nobody awaits.
    let mut interrupted = pin!(signals::interrupted());
    let started = tokio::select! {
        biased;
        () = &mut interrupted => return ExitCode::SUCCESS,
        started = start(&arguments) => started,
    };
    let worker = match started {
        Ok(worker) => worker,
        Err(error) => {
            eprintln!("thumbnailer: {error}");
            return ExitCode::FAILURE;
        }
    };
    // For whoever waits for it; logs go to standard error.
    println!("{} is ready", worker.identity());
    interrupted.await;
    worker.shutdown().await;
    ExitCode::SUCCESS
}

async fn start(arguments: &Arguments) -> Result<Worker, StartError> {
    let serves = |command: &str| !arguments.leave_out.iter().any(|left_out| left_out == command);
    let workshop = Arc::new(Workshop::default());
    let mut builder = limits::raise(Worker::builder("thumbnailer"))
        .on_connection(|peer| log::info!("{}/{} is here", peer.worker, peer.variant));
    if serves(Resize::NAME) {
        let workshop = workshop.clone();
        builder = builder.handle_blocking(move |context: Context, order: Resize| {
            let variant = context.worker().identity().variant;
            workshop.resize(variant.as_str(), &order)
        });
    }
    if serves(Print::NAME) {
        let workshop = workshop.clone();
        builder = builder.handle_blocking(move |context: Context, Print(order): Print| {
            let variant = context.worker().identity().variant;
            workshop.print(variant.as_str(), &order)
        });
    }
    if serves(Preview::NAME) {
        let workshop = workshop.clone();
        builder = builder.handle_blocking(move |context: Context, Preview(order): Preview| {
            let variant = context.worker().identity().variant;
            workshop.resize(variant.as_str(), &order)
        });
    }
    if serves(Stats::NAME) {
        let workshop = workshop.clone();
        builder =
            builder.handle(move |_: Context, _: Stats| std::future::ready(Ok(workshop.stats())));
    }
    if serves(Flush::NAME) {
        builder = builder.handle(move |_: Context, _: Flush| {
            workshop.flush();
            std::future::ready(Ok(()))
        });
    }
    builder.start().await
}
