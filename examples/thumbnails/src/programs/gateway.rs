//! A worker that has the pictures of a folder shrunk by thumbnailers.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::gateway::order::{Means, Outcome, Plan};
use crate::gateway::progress::Progress;
use crate::gateway::report::Report;
use crate::gateway::watch::{LOOK_EVERY, Stamp, Watch};
use crate::gateway::{PICTURES, folder, peers, run, signals};
use crate::picture::Size;
use clap::Parser;
use meshwork_worker::Worker;
use tokio::time::sleep;

const AFTER: &str = "\
Exit codes: 0 every picture has its thumbnail, 1 some have not (each is named with its reason),
2 wrong arguments, 3 nothing was done (no pictures, no mesh, no thumbnailers), 130 interrupted
(with --watch that is how it ends, with 0).
Logs: RUST_LOG=info";

/// Longest edge of a preview, pixels.
const PREVIEW_EDGE: u32 = 960;

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
    /// What that folder is called for people, where this is a container
    #[arg(long, value_name = "DIR")]
    out_shown: Option<PathBuf>,
    /// Longest edge of a thumbnail, pixels
    #[arg(long, value_name = "N", default_value_t = 320,
        value_parser = clap::value_parser!(u32).range(1..=2048))]
    edge: u32,
    /// Have larger previews made as well, by jobs (MESHWORK_QUEUE says where those are kept)
    #[arg(long)]
    previews: bool,
    /// Stay, and do the same with every picture that comes into the folder
    #[arg(long)]
    watch: bool,
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

/// Reads the command line and does what it says; answers the exit code.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let exit = tokio::select! {
        biased;
        () = signals::interrupted() => {
            eprintln!("gateway: interrupted");
            if arguments.watch { Exit::Done } else { Exit::Interrupted }
        }
        exit = carry_out(&arguments) => exit.unwrap_or_else(|error| {
            eprintln!("gateway: {error}");
            Exit::NothingDone
        }),
    };
    ExitCode::from(exit as u8)
}

async fn carry_out(arguments: &Arguments) -> Result<Exit, String> {
    let found = look(&arguments.pictures)?;
    if found.others > 0 {
        let files = if found.others == 1 { "file is" } else { "files are" };
        eprintln!("{} other {files} left alone", found.others);
    }
    let shown = arguments.pictures.display();
    if found.pictures.is_empty() && !arguments.watch {
        return Err(format!("the folder {shown} has no .jpg, .jpeg or .png file"));
    }
    let thumbnails = plan(arguments, "thumbnails", arguments.edge, Means::Call)?;
    let previews = plan(arguments, "previews", PREVIEW_EDGE, Means::Job);
    let previews = if arguments.previews { Some(previews?) } else { None };
    let within = Duration::from_secs(arguments.ready_within);
    let worker = peers::join(usize::from(arguments.thumbnailers), within).await?;
    let gateway = Gateway { arguments, worker, thumbnails, previews };
    let mut watch = Watch::default();
    watch.skip(stamped(&found.pictures));
    let mut outcomes = Vec::new();
    let failed = gateway.round(&found.pictures, &mut outcomes).await?;
    if arguments.watch {
        gateway.stay(watch, outcomes).await?;
    }
    gateway.worker.shutdown().await;
    Ok(if failed == 0 { Exit::Done } else { Exit::SomeFailed })
}

/// A gateway that is in the mesh.
struct Gateway<'a> {
    arguments: &'a Arguments,
    worker: Worker,
    thumbnails: Plan,
    previews: Option<Plan>,
}

impl Gateway<'_> {
    /// Does these pictures, adds what became of them to `all`, and tells. Answers how many failed.
    async fn round(&self, pictures: &[PathBuf], all: &mut Vec<Outcome>) -> Result<usize, String> {
        let arguments = self.arguments;
        let quiet = arguments.json;
        let in_flight = usize::from(arguments.in_flight);
        let progress = Progress::new(pictures.len(), quiet);
        let outcomes =
            run::run(&self.worker, &self.thumbnails, pictures, in_flight, &progress).await;
        progress.finish();
        let mut previewed = Vec::new();
        if let Some(plan) = &self.previews {
            let progress = Progress::new(pictures.len(), quiet);
            previewed = run::run(&self.worker, plan, pictures, in_flight, &progress).await;
            progress.finish();
        }
        let stats = peers::stats(&self.worker).await;
        let flushed = peers::flush(&self.worker).await;

        all.retain(|old| outcomes.iter().all(|new| new.name != old.name));
        all.extend(outcomes);
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let mut report = Report::new(all, &stats, &flushed);
        if self.previews.is_some() {
            report.add_previews(&previewed);
        }
        let sheet = arguments.out.join("contact-sheet.png");
        report
            .write_sheet(all, &sheet)
            .map_err(|error| format!("{} cannot be written: {error}", sheet.display()))?;
        tell(&report, arguments)?;
        Ok(report.failed)
    }

    /// Looks at the folder until it is told to stop.
    async fn stay(&self, mut watch: Watch, mut outcomes: Vec<Outcome>) -> Result<(), String> {
        let pictures = &self.arguments.pictures;
        if !self.arguments.json {
            println!("Pictures that come into {} are done as they come", pictures.display());
        }
        loop {
            sleep(LOOK_EVERY).await;
            let found = look(pictures)?;
            let new = watch.look(stamped(&found.pictures).collect());
            if !new.is_empty() {
                self.round(&new, &mut outcomes).await?;
            }
        }
    }
}

fn look(pictures: &Path) -> Result<folder::Folder, String> {
    folder::list(pictures)
        .map_err(|error| format!("the folder {} cannot be read: {error}", pictures.display()))
}

fn stamped(pictures: &[PathBuf]) -> impl Iterator<Item = (PathBuf, Stamp)> {
    pictures.iter().filter_map(|path| Some((path.clone(), Stamp::of(path)?)))
}

fn plan(arguments: &Arguments, folder: &str, edge: u32, by: Means) -> Result<Plan, String> {
    let thumbnails = arguments.out.join(folder);
    std::fs::create_dir_all(&thumbnails)
        .map_err(|error| format!("{} cannot be made: {error}", thumbnails.display()))?;
    Ok(Plan { within: Size { width: edge, height: edge }, thumbnails, by })
}

fn tell(report: &Report, arguments: &Arguments) -> Result<(), String> {
    // Only a map with keys that are no text could fail, and there is none.
    let line = serde_json::to_string(report).unwrap_or_default();
    if let Some(path) = &arguments.report {
        std::fs::write(path, &line)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    if arguments.json {
        println!("{line}");
        return Ok(());
    }
    print!("{}", report.table());
    if let Some(sheet) = &report.contact_sheet {
        let name = sheet.file_name().unwrap_or_default();
        let shown = arguments.out_shown.as_ref().unwrap_or(&arguments.out).join(name);
        println!("Look at {}", shown.display());
    }
    Ok(())
}
