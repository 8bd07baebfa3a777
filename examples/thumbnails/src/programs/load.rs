//! Keeps a mesh of thumbnailers busy, and tells what becomes of every call and job.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::gateway::{peers, signals};
use crate::load::figures::Line;
use crate::load::plan::{Bounds, Orders, Rates};
use crate::load::steady;
use clap::Parser;
use tokio::time::sleep;

const AFTER: &str = "\
It ends at SIGTERM or Ctrl-C, or after --seconds: it starts nothing more, waits for what is under
way, and tells the last line.

Exit codes: 0 no promise was broken, 1 one was (see the last line), 2 wrong arguments, 3 nothing
was done (no pictures, no mesh, no thumbnailers).
Logs: RUST_LOG=info";

/// Keep a mesh of thumbnailers busy with calls and jobs, and tell what becomes of each.
///
/// It joins as `gateway`; where the master is and what lets it in comes from the environment, as
/// for the gateway. Each second it prints how things stand since its start. What was not executed
/// is tried again; what may have run is not: `resize` the mesh itself may repeat, for the schema
/// says that it is idempotent, and a `print` of unknown outcome is told as such.
#[derive(Parser)]
#[command(name = "load", after_help = AFTER)]
struct Arguments {
    /// Folder of pictures; the six smallest are used
    #[arg(long, value_name = "DIR", default_value = crate::gateway::PICTURES)]
    pictures: PathBuf,
    /// Calls of `resize` a second, which are idempotent
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(0..=1000))]
    resize: u32,
    /// Calls of `print` a second, which are not
    #[arg(long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(0..=1000))]
    print: u32,
    /// Jobs of `preview` a second
    #[arg(long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(0..=1000))]
    preview: u32,
    /// End by itself after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// How long it waits in the end for what is under way
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    settle: u64,
    /// Thumbnailers to wait for before it begins
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    thumbnailers: u16,
    /// How long to wait for them, and for the master
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    ready_within: u64,
    /// Print lines of JSON
    #[arg(long)]
    json: bool,
}

/// Pictures in use.
const PICTURES_MAX: usize = 6;
/// Calls under way at a time.
const CALLS_MAX: usize = 512;
/// Jobs of which the end is waited for at a time.
const JOBS_MAX: usize = 4096;

/// Reads the command line and keeps the load up; answers the exit code.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match carry_out(&arguments).await {
        Ok(last) if last.is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(3)
        }
    }
}

async fn carry_out(arguments: &Arguments) -> Result<Line, String> {
    let shown = arguments.pictures.display();
    let orders = Orders::read(&arguments.pictures, PICTURES_MAX)
        .map_err(|error| format!("the folder {shown} cannot be used: {error}"))?;
    let signal = signals::interrupted();
    let within = Duration::from_secs(arguments.ready_within);
    let worker = peers::join(usize::from(arguments.thumbnailers), within).await?;

    let Arguments { resize, print, preview, .. } = *arguments;
    let rates = Rates { resize, print, preview };
    let settle = Duration::from_secs(arguments.settle);
    let bounds = Bounds { calls_max: CALLS_MAX, jobs_max: JOBS_MAX, settle };
    let time = async {
        match arguments.seconds {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let end = async {
        tokio::select! {
            biased;
            () = signal => {}
            () = time => {}
        }
    };
    let tell = |line: &Line| if arguments.json { tell_json(line) } else { tell(line) };
    let last = steady::run(&worker, &orders, rates, bounds, end, tell).await;
    worker.shutdown().await;
    Ok(last)
}

fn tell_json(line: &Line) {
    // Only a map with keys that are no text could fail, and there is none.
    println!("{}", serde_json::to_string(line).unwrap_or_default());
}

fn tell(line: &Line) {
    let Line { second, resize, print, preview, .. } = line;
    println!(
        "{second:>5} s  {} thumbnailers  answered {} (p99 {} ms)  not executed {}  failed {}  \
         unknown {}  jobs {} of {} done, {} lost",
        line.thumbnailers.len(),
        resize.answered + print.answered,
        resize.times.p99_us.max(print.times.p99_us) / 1000,
        resize.not_executed + print.not_executed,
        resize.failed + print.failed,
        resize.unknown + print.unknown,
        preview.done,
        preview.stored,
        preview.lost + preview.dead,
    );
    if line.last {
        for (error, count) in &line.errors {
            println!("  {count} x {error}");
        }
    }
}
