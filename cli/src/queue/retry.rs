//! `meshwork queue retry`: dead letters become jobs again.

use clap::Args;
use meshwork_queue::{Queue, QueueName};
use meshwork_shared::ids::JobId;
use serde::Serialize;

use super::dead::no_letter;
use super::name::{parse_job, parse_queue};
use super::pages::in_pages;
use super::store::{StoreAccess, unavailable};
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::{say, say_json};

/// Make dead letters jobs again, with all their attempts before them
///
/// They go behind what waits. With --all, those that are there now: one that dies again meanwhile
/// is not tried for ever.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork queue retry thumbnailer.resize 5f0c9d3e1b7a48260011223344556677
  meshwork queue retry thumbnailer.resize --all

Exit codes: 0 all were moved (none, if there were none), 1 no such queue or dead letter, or no room
for all of them, 64 wrong usage, 66 a file cannot be read, 69 the store does not answer."
)]
pub(super) struct Retry {
    /// The queue, as `meshwork queue ls` shows it
    #[arg(value_name = "QUEUE", value_parser = parse_queue)]
    name: QueueName,
    /// The dead letter, as `meshwork queue dead` shows it
    #[arg(value_name = "JOB", value_parser = parse_job, required_unless_present = "all")]
    job: Option<JobId>,
    /// All of them, oldest first
    #[arg(long, conflicts_with = "job")]
    all: bool,
    #[command(flatten)]
    access: StoreAccess,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Retried {
    queue: String,
    /// Jobs that run again.
    retried: usize,
    /// Dead letters that are left.
    dead: usize,
}

impl Retry {
    pub(super) fn run(self, json: bool) -> Outcome {
        self.access.run(async |store| {
            let (queue, depth) = store.known(&self.name).await?;
            let retried = match self.job {
                Some(job) => self.one(&*queue, job).await?,
                None => {
                    in_pages(depth.dead, async |limit| queue.retry_dead(None, limit).await).await?
                }
            };
            let dead = queue.depth().await.map_err(unavailable)?.dead;
            if json {
                say_json(&Retried { queue: self.name.to_string(), retried, dead });
            } else {
                let runs = if retried == 1 { "job runs" } else { "jobs run" };
                let left = if dead == 1 { "letter is" } else { "letters are" };
                say(&format!("{retried} {runs} again; {dead} dead {left} left\n"));
            }
            // Fewer were moved than there were, and some are there still.
            if self.all && retried < depth.dead && dead > 0 {
                return Err(stays(&self.name));
            }
            Ok(Exit::Ok)
        })
    }

    async fn one(&self, queue: &dyn Queue, job: JobId) -> Result<usize, CommandError> {
        match queue.retry_dead(Some(job), 1).await.map_err(unavailable)? {
            0 => match queue.dead_letter(job).await.map_err(unavailable)? {
                Some(_) => Err(stays(&self.name)),
                None => Err(no_letter(&self.name, queue, job).await),
            },
            count => Ok(count),
        }
    }
}

fn stays(name: &QueueName) -> CommandError {
    let what = format!("what is dead in {name} does not run again");
    CommandError::new(Exit::Failed, what).with_help(format!(
        "either the queue has no room for more jobs: wait until its workers have done some, and\n\
         type the same again; or no mesh has stored it, and it can only be deleted:\n\
         meshwork queue purge {name} --section dead"
    ))
}
