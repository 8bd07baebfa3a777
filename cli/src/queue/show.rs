//! `meshwork queue show`: one queue.

use clap::Args;
use meshwork_queue::QueueName;

use super::jobs::size;
use super::name::parse_queue;
use super::row::Row;
use super::store::StoreAccess;
use crate::exit::{Exit, Outcome};
use crate::terminal::{Paint, Style, note, say, say_json};

/// Show how much is in one queue
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  meshwork queue show thumbnailer.resize
  meshwork queue show thumbnailer.refresh@pod-3    of a broadcast command: one instance's
  meshwork queue show thumbnailer.resize --json

Exit codes: 0 shown, 1 nothing is known of the queue, 64 wrong usage, 66 a file cannot be read,
69 the store does not answer.")]
pub(super) struct Show {
    /// The queue, as `meshwork queue ls` shows it
    #[arg(value_name = "QUEUE", value_parser = parse_queue)]
    name: QueueName,
    #[command(flatten)]
    access: StoreAccess,
}

impl Show {
    pub(super) fn run(self, json: bool) -> Outcome {
        self.access.run(async |store| {
            let (_, depth) = store.known(&self.name).await?;
            let row = Row::new(&self.name, depth);
            if json {
                say_json(&row);
                return Ok(Exit::Ok);
            }
            say(&lines(&row));
            if let Some(hint) = hint(&row) {
                note(&Paint::stdout().paint(Style::Faint, &hint));
            }
            Ok(Exit::Ok)
        })
    }
}

fn lines(row: &Row) -> String {
    let depth = &row.depth;
    let dead = match depth.dead_dropped {
        0 => depth.dead.to_string(),
        dropped => format!("{}, and {dropped} older ones that were dropped", depth.dead),
    };
    let facts = [
        ("queue", row.queue.clone()),
        ("ready", depth.ready.to_string()),
        ("scheduled", depth.scheduled.to_string()),
        ("running", depth.running.to_string()),
        ("dead", dead),
        ("retried", format!("{} runs", depth.retried)),
        ("done", format!("{} jobs", depth.done)),
        ("oldest", row.oldest()),
        ("stored", size(depth.bytes)),
        ("paused", row.paused().to_owned()),
    ];
    facts.iter().map(|(what, value)| format!("  {what:<9}  {value}\n")).collect()
}

/// What to type next, if anything is out of the ordinary.
fn hint(row: &Row) -> Option<String> {
    let queue = &row.queue;
    if row.depth.is_paused {
        return Some(format!("nothing is taken from it until: meshwork queue resume {queue}"));
    }
    (row.depth.dead > 0).then(|| format!("why jobs are dead: meshwork queue dead {queue}"))
}
