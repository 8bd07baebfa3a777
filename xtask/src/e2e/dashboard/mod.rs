//! The dashboard in a real browser: a master, three thumbnailers and a load are started as
//! processes, Chromium looks at them without a screen, and each thing that people rely on is done
//! and looked for: a wrong token, the members, a rate that rises, a job that is run again, a worker
//! that is killed, a master that is gone. What was seen is kept as pictures.
//!
//! * `browser.rs`: Chromium, by way of its driver
//! * `mesh.rs`: the processes
//! * `steps.rs`: what is done and looked for

mod browser;
mod mesh;
mod steps;

use std::path::PathBuf;

use browser::Browser;
use mesh::Mesh;

use crate::process;
use crate::test::report::Outcome;

/// What has to be on the machine, and the package of Debian that brings it.
const PROGRAMS: [(&str, &str); 2] = [("chromium", "chromium"), ("chromedriver", "chromium-driver")];

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
    if let Some((name, package)) = missing() {
        return Err(format!("no `{name}` here; on Debian: apt-get install -y {package}"));
    }
    let programs = mesh::Programs::build()?;
    let out = arguments.out.clone().unwrap_or_else(|| programs.beside("e2e/dashboard"));
    let cannot = |error| format!("{} cannot be made: {error}", out.display());
    std::fs::create_dir_all(&out).map_err(cannot)?;
    let mut mesh = Mesh::start(&programs, &out)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let seen = runtime.block_on(async {
        let browser = Box::pin(Browser::start(&out)).await?;
        let seen = Box::pin(steps::all(&browser, &mut mesh)).await;
        if seen.is_err() {
            // What it looked like when it went wrong.
            let _ = browser.picture("failed").await;
        }
        browser.close().await;
        seen
    });
    eprintln!("pictures and logs: {}", out.display());
    seen
}

/// The stage of `cargo xtask test`.
pub(crate) fn stage() -> Outcome {
    match missing() {
        Some((name, package)) => {
            Outcome::Skipped(format!("no `{name}` (apt-get install -y {package})"))
        }
        None => run(&Arguments { out: None }).into(),
    }
}

fn missing() -> Option<(&'static str, &'static str)> {
    PROGRAMS.into_iter().find(|(name, _)| process::find(name).is_none())
}
