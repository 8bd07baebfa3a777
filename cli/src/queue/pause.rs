//! `meshwork queue pause` and `resume`.

use clap::Args;
use meshwork_queue::QueueName;
use serde::Serialize;

use super::name::parse_queue;
use super::store::{StoreAccess, unavailable};
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::{say, say_json};

/// Take no more jobs out of a queue, on any worker
///
/// What runs goes on, and jobs are still stored, until the queue is full. It lasts until `resume`,
/// whatever is restarted.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork queue pause thumbnailer.resize
  meshwork queue pause thumbnailer.convert --new   before its first job

Exit codes: 0 paused, 1 nothing is known of the queue, 64 wrong usage, 66 a file cannot be read,
69 the store does not answer."
)]
pub(super) struct Pause {
    /// The queue, as `meshwork queue ls` shows it
    #[arg(value_name = "QUEUE", value_parser = parse_queue)]
    name: QueueName,
    /// Also one that nothing is known of yet
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    access: StoreAccess,
}

/// Take jobs out of a paused queue again
#[derive(Args, Debug)]
#[command(after_long_help = "\
Example:
  meshwork queue resume thumbnailer.resize

Exit codes: 0 it goes on, 1 nothing is known of the queue, 64 wrong usage, 66 a file cannot be read,
69 the store does not answer.")]
pub(super) struct Resume {
    /// The queue, as `meshwork queue ls` shows it
    #[arg(value_name = "QUEUE", value_parser = parse_queue)]
    name: QueueName,
    #[command(flatten)]
    access: StoreAccess,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    queue: String,
    is_paused: bool,
}

impl Pause {
    pub(super) fn run(self, json: bool) -> Outcome {
        let name = &self.name;
        self.access.run(async |store| {
            let queue = match store.known(name).await {
                Ok((queue, _)) => queue,
                Err(CommandError { exit: Exit::Failed, .. }) if self.new => store.queue(name),
                Err(error) if error.exit == Exit::Failed => {
                    let help = error.help.clone().unwrap_or_default();
                    let add = "add --new if its first job is still to come";
                    return Err(error.with_help(format!("{help}\n{add}")));
                }
                Err(error) => return Err(error),
            };
            queue.set_paused(true).await.map_err(unavailable)?;
            let next = format!("{name} is paused, until: meshwork queue resume {name}");
            Ok(report(name, true, json, &next))
        })
    }
}

impl Resume {
    pub(super) fn run(self, json: bool) -> Outcome {
        let name = &self.name;
        self.access.run(async |store| {
            let (queue, _) = store.known(name).await?;
            queue.set_paused(false).await.map_err(unavailable)?;
            Ok(report(name, false, json, &format!("{name} goes on")))
        })
    }
}

fn report(name: &QueueName, is_paused: bool, json: bool, text: &str) -> Exit {
    if json {
        say_json(&Report { queue: name.to_string(), is_paused });
    } else {
        say(&format!("{text}\n"));
    }
    Exit::Ok
}
