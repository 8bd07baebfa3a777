//! `cargo xtask demo`: the thumbnails example as it would run on several machines: one master,
//! some thumbnailers and a gateway, each a process of its own, on free ports of this machine.
//! Everything that it starts ends with it, also on Ctrl-C.
//!
//! * `build.rs`: the three programs
//! * `child.rs`: one process: started, listened to, stopped
//! * `mesh.rs`: the processes in their order
//! * `summary.rs`: what the gateway reports, and the last line of `--json`

mod build;
mod child;
mod mesh;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;

use build::Programs;
use mesh::Mesh;
use summary::Summary;

use crate::signals::{EXIT_INTERRUPTED, Signals, Trouble};

#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 every picture has its thumbnail and every process ran and \
    ended well, 1 something failed, 2 wrong arguments, 130 interrupted.")]
pub(crate) struct Arguments {
    /// Folder of JPEG and PNG pictures [default: the dozen that comes with the example]
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// How many thumbnailers to start
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u16).range(1..=64))]
    thumbnailers: u16,
    /// Where thumbnails, contact-sheet.png and logs go [default: demo/ beside the built programs]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print a line of JSON at the end, and little else
    #[arg(long)]
    json: bool,
}

/// Builds and runs the demo. By the time it returns, no process of it is left.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match carry_out(arguments) {
        Ok(summary) => {
            summary.show(arguments.json);
            if summary.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(Trouble::Interrupted) => {
            eprintln!("cargo xtask demo: interrupted; everything it started has ended");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(Trouble::Failed(why)) => {
            eprintln!("cargo xtask demo: {why}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(arguments: &Arguments) -> Result<Summary, Trouble> {
    let signals = Signals::watch().map_err(Trouble::Failed)?;
    let programs = Programs::build(&signals)?;
    let out = arguments.out.clone().unwrap_or_else(|| programs.beside("demo"));
    let mut mesh = Mesh::prepare(&programs, &out, &signals, !arguments.json)?;
    // What is started from here on is stopped by the mesh going out of scope, whatever happens.
    mesh.start_master()?;
    mesh.start_thumbnailers(arguments.thumbnailers)?;
    let pictures = arguments.pictures.clone().unwrap_or_else(build::pictures);
    let reported = mesh.run_gateway(&pictures, arguments.json)?;
    let pids = mesh.pids();
    mesh.stop()?;
    Ok(Summary::new(reported, pids, usize::from(arguments.thumbnailers)))
}
