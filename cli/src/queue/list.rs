//! `meshwork queue ls`: all queues.

use clap::Args;

use super::row::{Rows, table};
use super::store::StoreAccess;
use crate::exit::{Exit, Outcome};
use crate::terminal::{say, say_json};

/// Show all queues that hold anything or are paused
///
/// `ready` could run now, `scheduled` wait for their time or their next attempt, `dead` will not
/// run again by themselves; `retried` counts runs that failed and were followed by another, since
/// the queue began; `oldest` is how long the oldest ready job has waited. A command that is
/// broadcast has a queue for each instance, worker.command@variant. A queue that is empty and goes
/// on is not listed: `show` knows it.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork queue ls --queue file:/var/lib/shop/jobs.db
  meshwork queue ls --queue redis://10.0.0.1:6379/0 --secret-file mesh.secret
  meshwork queue ls --json

Exit codes: 0 shown, 64 wrong usage, 66 a file cannot be read, 69 the store does not answer."
)]
pub(super) struct List {
    #[command(flatten)]
    access: StoreAccess,
}

impl List {
    pub(super) fn run(self, json: bool) -> Outcome {
        self.access.run(async |store| {
            let queues = store.rows().await?;
            if json {
                say_json(&Rows { queues });
            } else {
                say(&table(&queues));
            }
            Ok(Exit::Ok)
        })
    }
}
