//! `cargo xtask e2e compose`: what a newcomer types, on a real engine, and then everything that
//! goes wrong in the life of a mesh: killed, restarted, cut off. Each step is judged by what the
//! gateway and the load report, call by call and job by job.
//!
//! * `clone.rs`: a fresh clone, of the owner that is asked for
//! * `project.rs`: the compose project in it; taken down when dropped
//! * `load.rs`: the steady load, and reading its lines
//! * `start.rs`: up, the pictures, who sees which key; and down
//! * `faults.rs`: scaled, killed, restarted, cut off
//! * `network.rs`: a container cut off the network

mod clone;
mod faults;
mod load;
mod network;
mod project;
mod start;

use std::path::PathBuf;

use clone::{Clone, Owner};
use faults::Scene;
use project::Project;
use serde_json::json;

use super::engine::Engine;
use super::images::Image;
use super::steps::{Ended, Steps};
use crate::signals::{Signals, Trouble};
use crate::test::report::Outcome;

/// The user that most people are, and are not root.
const SOMEBODY: u32 = 1000;

#[derive(clap::Args)]
#[command(after_help = "Takes any Docker engine with Compose v2; the folder of the clone \
    (in TMPDIR) must be one\nthat the engine can mount. To cut a container off the network it \
    must run here, and we as root.\n\nExit codes: 0 every step held, 1 one did not, 2 wrong \
    arguments, 130 interrupted.")]
pub(crate) struct Arguments {
    /// Build the image from source, as `docker compose up` does, not from programs built here
    #[arg(long)]
    from_source: bool,
    /// Print a line of JSON for each step
    #[arg(long)]
    json: bool,
    /// Keep what the containers logged in this folder
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
}

/// Runs all steps.
///
/// # Errors
/// A step did not hold, or a signal came. Nothing is left of it then.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Trouble> {
    let signals = Signals::watch()?;
    let engine = Engine::find(&signals)?;
    let steps = carry_out(arguments, &engine)?;
    steps.sum_up();
    Ok(())
}

/// The stage of `cargo xtask test`.
pub(crate) fn stage() -> Outcome {
    super::stage("compose", |_| Engine::missing())
}

fn carry_out(arguments: &Arguments, engine: &Engine) -> Result<Steps, Trouble> {
    let mut steps = Steps::new(arguments.json);
    let name = format!("meshwork-e2e-{}", std::process::id());
    let mut image = None;
    steps.run("image", "the image of the example", || {
        let made = Image::thumbnails(engine, &format!("{name}:test"), arguments.from_source)?;
        let size = engine.ask(&["image", "inspect", "-f", "{{.Size}}", &made.name])?.out;
        let mebibytes = size.trim().parse::<u64>().unwrap_or(0) >> 20;
        image = Some(made);
        Ok(Ended::Held(vec![("MiB", json!(mebibytes))]))
    })?;
    let Some(image) = image else { return Err("there is no image".to_owned().into()) };

    let clone = Clone::fresh(Owner::User(SOMEBODY))?;
    let project = Project::new(engine, &clone, &name, &image.name)?;
    let told = faulty_day(&mut steps, &project);
    if let Some(folder) = &arguments.logs {
        project.keep_logs(folder);
    }
    told?;
    steps.run("down", "`down -v` leaves nothing behind", || start::down(&project))?;
    drop(project);

    let clone = Clone::fresh(Owner::Ourselves)?;
    let project = Project::new(engine, &clone, &format!("{name}-own"), &image.name)?;
    steps.run("again", "a fresh clone of our own, its pictures, and down", || {
        start::up(&project)?;
        let Ended::Held(seen) = start::pictures(&project)? else {
            return Err("the pictures cannot be skipped".to_owned().into());
        };
        start::down(&project)?;
        Ok(Ended::Held(seen))
    })?;
    Ok(steps)
}

/// Everything between up and down.
fn faulty_day(steps: &mut Steps, project: &Project<'_>) -> Result<(), Trouble> {
    steps.run("up", "a fresh clone of somebody who is not root", || start::up(project))?;
    steps.run("pictures", "every picture by a call and by a job", || start::pictures(project))?;
    steps.run("seen", "the master shows members and queues", || start::seen(project))?;
    steps.run("keys", "each service sees its own key and nothing more", || start::keys(project))?;
    let scene = Scene::begin(project)?;
    steps.run("load", "calls and jobs at a steady rate", || scene.steady())?;
    steps.run("scale", "five thumbnailers, and the calls spread", || scene.scale())?;
    steps.run("kill", "one is killed at work", || scene.kill())?;
    steps.run("master", "the master is away for a while", || scene.master_away())?;
    steps.run("redis", "the store of the jobs restarts", || scene.redis_restarts())?;
    steps.run("cut", "one is cut off the network, and heals", || scene.cut_off())?;
    steps.run("end", "the load ends, and nothing is owed", || scene.end())
}
