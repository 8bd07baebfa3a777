//! `meshwork queue`: the queues of durable jobs, for operators.
//!
//! * `store.rs`: how the store of the queues is found, and asked
//! * `name.rs`: what names a queue and a job
//! * `list.rs`, `show.rs`, `watch.rs`: how much there is; `row.rs` is one line of it
//! * `dead.rs`, `peek.rs`: the jobs themselves; `jobs.rs` is a page of them
//! * `retry.rs`, `purge.rs`: many jobs at once; `pages.rs` goes through them
//! * `pause.rs`: stopping a queue, and letting it go on
//! * `roots.rs`: the keys that jobs are sealed with, which are the master's

mod dead;
mod jobs;
mod list;
mod name;
mod pages;
mod pause;
mod peek;
mod purge;
mod retry;
mod roots;
mod row;
mod show;
mod store;
mod watch;

use clap::{Args, Subcommand};

use crate::exit::Outcome;

/// Look after the queues of durable jobs
///
/// Looks into the store that the workers share, without joining the mesh: --queue, MESHWORK_QUEUE
/// or `queue` in the file of MESHWORK_CONFIG says where it is, as for a worker. In a server, the
/// mesh secret or a join key says whose queues are meant; it opens no job. What jobs say is sealed:
/// only sizes are shown.
///
/// With the default, `memory`, a queue lives in each worker's process, and there is nothing to look
/// at from outside.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork queue ls --queue file:/var/lib/shop/jobs.db
  export MESHWORK_QUEUE=redis://10.0.0.1:6379/0 MESHWORK_SECRET_FILE=mesh.secret
  meshwork queue ls                                what waits, runs and has failed
  meshwork queue dead thumbnailer.resize           why it has failed
  meshwork queue retry thumbnailer.resize --all    once that is mended

Exit codes: 0 done, 1 it cannot be done (no such queue or job), 64 wrong usage, 66 a file cannot be
read, 69 the store or the master does not answer, 77 the master refuses the token."
)]
pub(crate) struct Queue {
    #[command(subcommand)]
    subcommand: QueueCommand,
    /// Print one line of JSON instead (docs/CLI.md)
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    Ls(list::List),
    Show(show::Show),
    Watch(watch::Watch),
    Peek(peek::Peek),
    Dead(dead::Dead),
    Retry(retry::Retry),
    Purge(purge::Purge),
    Pause(pause::Pause),
    Resume(pause::Resume),
    RotateRoot(roots::RotateRoot),
    ForgetRoots(roots::ForgetRoots),
}

impl Queue {
    pub(crate) fn run(self) -> Outcome {
        let json = self.json;
        match self.subcommand {
            QueueCommand::Ls(command) => command.run(json),
            QueueCommand::Show(command) => command.run(json),
            QueueCommand::Watch(command) => command.run(json),
            QueueCommand::Peek(command) => command.run(json),
            QueueCommand::Dead(command) => command.run(json),
            QueueCommand::Retry(command) => command.run(json),
            QueueCommand::Purge(command) => command.run(json),
            QueueCommand::Pause(command) => command.run(json),
            QueueCommand::Resume(command) => command.run(json),
            QueueCommand::RotateRoot(command) => command.run(json),
            QueueCommand::ForgetRoots(command) => command.run(json),
        }
    }
}
