//! `meshwork queue purge`: jobs are deleted.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::{Args, ValueEnum};
use meshwork_queue::QueueName;
use serde::Serialize;

use super::jobs::Part;
use super::name::parse_queue;
use super::pages::in_pages;
use super::store::StoreAccess;
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::{say, say_json};

/// Delete the jobs of a section for good
///
/// Nobody is told, and nothing brings them back. Those that run stay. On a terminal it asks first;
/// elsewhere it wants --yes.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork queue purge thumbnailer.resize --section dead
  meshwork queue purge thumbnailer.resize --section ready --yes

Exit codes: 0 deleted (none, if there were none), 1 no such queue or you said no, 64 wrong usage,
66 a file cannot be read, 69 the store does not answer."
)]
pub(super) struct Purge {
    /// The queue, as `meshwork queue ls` shows it
    #[arg(value_name = "QUEUE", value_parser = parse_queue)]
    name: QueueName,
    /// Which of its jobs
    #[arg(long, value_name = "SECTION", value_enum)]
    section: Purged,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    access: StoreAccess,
}

/// What may be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Purged {
    /// Jobs that will not run again by themselves
    Dead,
    /// Jobs that could run now
    Ready,
    /// Jobs that wait for their time or their next attempt
    Scheduled,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    queue: String,
    section: Part,
    purged: usize,
}

impl Purge {
    pub(super) fn run(self, json: bool) -> Outcome {
        self.access.run(async |store| {
            let (queue, depth) = store.known(&self.name).await?;
            let (part, total) = match self.section {
                Purged::Dead => (Part::Dead, depth.dead),
                Purged::Ready => (Part::Ready, depth.ready),
                Purged::Scheduled => (Part::Scheduled, depth.scheduled),
            };
            if total > 0 && !self.yes {
                ask(&format!("delete {total} {} of {} for good?", part.called(), self.name))?;
            }
            let section = part.section();
            let purged = in_pages(total, async |limit| queue.purge(section, limit).await).await?;
            if json {
                say_json(&Report { queue: self.name.to_string(), section: part, purged });
            } else {
                say(&format!("{purged} {} of {} are deleted\n", part.called(), self.name));
            }
            Ok(Exit::Ok)
        })
    }
}

/// Goes on if a person says yes.
///
/// # Errors
/// There is nobody to ask (64), or the answer is no (1).
fn ask(question: &str) -> Result<(), CommandError> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let what = format!("{question} There is no terminal to ask on");
        return Err(CommandError::usage(what).with_help("add --yes to delete without a question"));
    }
    // A terminal that is gone answers nothing, which is no.
    let _ = write!(io::stderr(), "{question} [yes/no] ").and_then(|()| io::stderr().flush());
    let mut answer = String::new();
    let _ = io::stdin().lock().read_line(&mut answer);
    match answer.trim() {
        "yes" | "y" => Ok(()),
        _ => Err(CommandError::new(Exit::Failed, "nothing was deleted")),
    }
}
