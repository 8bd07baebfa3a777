//! A worker that shrinks pictures. Start as many as there are cores, on as many machines as there
//! are: gateways find them by themselves.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use meshwork_worker::{Context, StartError, Worker};
use thumbnails::commands::{Flush, Preview, Print, Resize, Stats};
use thumbnails::limits;
use thumbnails::workshop::Workshop;

/// Shrink pictures for a gateway.
///
/// Where the master is and what lets it in comes from the environment: MESHWORK_MASTER
/// (http://127.0.0.1:7071) and MESHWORK_SECRET_FILE. MESHWORK_VARIANT names this instance.
/// It runs until SIGTERM or Ctrl-C, then finishes what it has begun.
#[derive(Parser)]
#[command(
    name = "thumbnailer",
    after_help = "Exit codes: 0 it was told to stop and has left \
    the mesh, 1 it did not start, 2 wrong arguments.\nLogs: RUST_LOG=debug"
)]
struct Arguments {}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    Arguments::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let worker = match start().await {
        Ok(worker) => worker,
        Err(error) => {
            eprintln!("thumbnailer: {error}");
            return ExitCode::FAILURE;
        }
    };
    // For whoever waits for it; logs go to standard error.
    println!("{} is ready", worker.identity());
    match worker.run_until_signal().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("thumbnailer: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<Worker, StartError> {
    let workshop = Arc::new(Workshop::default());
    let (for_stats, for_flush) = (workshop.clone(), workshop.clone());
    let (for_print, for_preview) = (workshop.clone(), workshop.clone());
    limits::raise(Worker::builder("thumbnailer"))
        .strict_handlers()
        .handle_blocking(move |context: Context, order: Resize| {
            let variant = context.worker().identity().variant;
            workshop.resize(variant.as_str(), &order)
        })
        .handle_blocking(move |context: Context, Print(order): Print| {
            let variant = context.worker().identity().variant;
            for_print.print(variant.as_str(), &order)
        })
        .handle_blocking(move |context: Context, Preview(order): Preview| {
            let variant = context.worker().identity().variant;
            for_preview.resize(variant.as_str(), &order)
        })
        .handle(move |_: Context, _: Stats| std::future::ready(Ok(for_stats.stats())))
        .handle(move |_: Context, _: Flush| {
            for_flush.flush();
            std::future::ready(Ok(()))
        })
        .on_connection(|peer| log::info!("{}/{} is here", peer.worker, peer.variant))
        .start()
        .await
}
