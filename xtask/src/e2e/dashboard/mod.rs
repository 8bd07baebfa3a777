//! The dashboard in a real browser: a master, three thumbnailers and a load are started as
//! processes, Chromium looks at them without a screen, and each thing that people rely on is done
//! and looked for: a wrong token, a mesh without anybody, the members, a rate that rises, a job
//! that is run again, a worker that is killed, a master that is gone; and then a mesh of a hundred
//! members. What was seen is kept as pictures.
//!
//! * `thumbnails.rs`: the processes
//! * `steps.rs`: what is done and looked for
//! * `hundred.rs`: the same of a hundred members

mod hundred;
mod steps;
mod thumbnails;

use std::path::{Path, PathBuf};

use crate::browser::{self, Browser};
use crate::crowd;
use crate::peers::Profile;
use crate::programs::Programs;
use crate::test::report::Outcome;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the pictures go [default: e2e/dashboard/ beside the built programs]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Builds, starts, looks. Everything that it started has ended when it returns.
///
/// # Errors
/// What was not as it should be, and where the pictures are.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    if let Some(missing) = browser::missing() {
        return Err(missing);
    }
    let [command, crowd] = crowd::PACKAGES;
    let programs = Programs::build(&[command, crowd, "thumbnails"], Profile::Dev)?;
    let out = arguments.out.clone().unwrap_or_else(|| programs.beside("e2e/dashboard"));
    let cannot = |error| format!("{} cannot be made: {error}", out.display());
    std::fs::create_dir_all(&out).map_err(cannot)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let seen = runtime.block_on(Box::pin(look(&programs, &out)));
    eprintln!("pictures and logs: {}", out.display());
    seen
}

async fn look(programs: &Programs, out: &Path) -> Result<(), String> {
    let browser = Box::pin(Browser::start(out)).await?;
    let seen = Box::pin(look_with(&browser, programs, out)).await;
    if seen.is_err() {
        // What it looked like when it went wrong.
        let _ = browser.picture("failed").await;
    }
    browser.close().await;
    seen
}

async fn look_with(browser: &Browser, programs: &Programs, out: &Path) -> Result<(), String> {
    let mut mesh = thumbnails::start(programs, out)?;
    Box::pin(steps::all(browser, &mut mesh)).await?;
    drop(mesh);
    let (mesh, links) = crowd::start(programs, out)?;
    Box::pin(hundred::all(browser, &mesh, links)).await
}

/// The stage of `cargo xtask test`.
pub(crate) fn stage() -> Outcome {
    match browser::missing() {
        Some(missing) => Outcome::Skipped(missing),
        None => run(&Arguments { out: None }).into(),
    }
}
