//! A worker that has the pictures of a folder shrunk by thumbnailers.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use meshwork_worker::Worker;
use thumbnails::gateway::order::Plan;
use thumbnails::gateway::progress::Progress;
use thumbnails::gateway::report::Report;
use thumbnails::gateway::{folder, peers, run};
use thumbnails::limits;
use thumbnails::picture::Size;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

const AFTER: &str = "\
Exit codes: 0 every picture has its thumbnail, 1 some have not (each is named with its reason),
2 wrong arguments, 3 nothing was done (no pictures, no mesh, no thumbnailers), 130 interrupted.
Logs: RUST_LOG=info";

/// The pictures that come with the example.
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pictures");

/// Have the pictures of a folder shrunk, and make a contact sheet of them.
///
/// Where the master is and what lets it in comes from the environment: MESHWORK_MASTER
/// (http://127.0.0.1:7071) and MESHWORK_SECRET_FILE. JPEG and PNG files of up to 64 MiB are taken.
/// Every thumbnail is decoded again and compared in size and mean colour with its picture.
#[derive(Parser)]
#[command(name = "gateway", after_help = AFTER)]
struct Arguments {
    /// Folder of pictures
    #[arg(long, value_name = "DIR", default_value = PICTURES)]
    pictures: PathBuf,
    /// Where thumbnails and contact-sheet.png go
    #[arg(long, value_name = "DIR", default_value = "thumbnails")]
    out: PathBuf,
    /// Longest edge of a thumbnail, pixels
    #[arg(long, value_name = "N", default_value_t = 320,
        value_parser = clap::value_parser!(u32).range(1..=2048))]
    edge: u32,
    /// Pictures under way at a time
    #[arg(long, value_name = "N", default_value_t = 8,
        value_parser = clap::value_parser!(u16).range(1..=256))]
    in_flight: u16,
    /// Thumbnailers to wait for before it begins
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    thumbnailers: u16,
    /// How long to wait for them, and for the master, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    ready_within: u64,
    /// Print one line of JSON instead of a table, and no bar
    #[arg(long)]
    json: bool,
    /// Write that line of JSON to a file too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What it ends with, for scripts; as the help says.
enum Exit {
    Done = 0,
    SomeFailed = 1,
    NothingDone = 3,
    Interrupted = 130,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let exit = tokio::select! {
        biased;
        () = interrupted() => {
            eprintln!("gateway: interrupted");
            Exit::Interrupted
        }
        exit = carry_out(&arguments) => exit.unwrap_or_else(|error| {
            eprintln!("gateway: {error}");
            Exit::NothingDone
        }),
    };
    ExitCode::from(exit as u8)
}

async fn carry_out(arguments: &Arguments) -> Result<Exit, String> {
    let shown = arguments.pictures.display();
    let found = folder::list(&arguments.pictures)
        .map_err(|error| format!("the folder {shown} cannot be read: {error}"))?;
    if found.pictures.is_empty() {
        return Err(format!("the folder {shown} has no .jpg, .jpeg or .png file"));
    }
    if found.others > 0 {
        let files = if found.others == 1 { "file is" } else { "files are" };
        eprintln!("{} other {files} left alone", found.others);
    }
    let within = Size { width: arguments.edge, height: arguments.edge };
    let plan = Plan { within, thumbnails: arguments.out.join("thumbnails") };
    std::fs::create_dir_all(&plan.thumbnails)
        .map_err(|error| format!("{} cannot be made: {error}", plan.thumbnails.display()))?;

    let worker = join(arguments).await?;
    let progress = Progress::new(found.pictures.len(), arguments.json);
    let in_flight = usize::from(arguments.in_flight);
    let outcomes = run::run(&worker, &plan, &found.pictures, in_flight, &progress).await;
    progress.finish();
    let stats = peers::stats(&worker).await;
    let flushed = peers::flush(&worker).await;
    worker.shutdown().await;

    let mut report = Report::new(&outcomes, &stats, &flushed);
    let sheet = arguments.out.join("contact-sheet.png");
    report
        .write_sheet(&outcomes, &sheet)
        .map_err(|error| format!("{} cannot be written: {error}", sheet.display()))?;
    // Only a map with keys that are no text could fail, and there is none.
    let line = serde_json::to_string(&report).unwrap_or_default();
    if let Some(path) = &arguments.report {
        std::fs::write(path, &line)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    if arguments.json {
        println!("{line}")
    } else {
        show(&report)
    }
    Ok(if report.failed == 0 { Exit::Done } else { Exit::SomeFailed })
}

/// Becomes a member and waits for the thumbnailers.
async fn join(arguments: &Arguments) -> Result<Worker, String> {
    let seconds = arguments.ready_within;
    let within = Duration::from_secs(seconds);
    let start = limits::raise(Worker::builder("gateway")).strict_handlers().start();
    let worker = timeout(within, start)
        .await
        .map_err(|_| format!("no master let it in within {seconds} s; RUST_LOG=info says more"))?
        .map_err(|error| error.to_string())?;
    let wanted = usize::from(arguments.thumbnailers);
    match peers::wait_for(&worker, wanted, within).await {
        Ok(()) => Ok(worker),
        Err(found) => Err(format!("{found} of {wanted} thumbnailers are here after {seconds} s")),
    }
}

fn show(report: &Report) {
    print!("{}", report.table());
    if let Some(sheet) = &report.contact_sheet {
        println!("Look at {}", sheet.display());
    }
}

/// Waits for SIGINT (Ctrl-C) or SIGTERM; for ever if the system lets nobody wait for them.
async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
