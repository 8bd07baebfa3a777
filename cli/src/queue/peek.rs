//! `meshwork queue peek`: the jobs of a queue.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use meshwork_queue::QueueName;
use meshwork_shared::ids::JobId;

use super::jobs::{PAGE_DEFAULT, PAGE_MAX, Page, Part};
use super::name::{parse_job, parse_queue};
use super::store::StoreAccess;
use crate::exit::Outcome;

/// Show jobs of a queue, in the order in which they will run
///
/// Nothing is taken out. What a job says is sealed: only its size is shown, and the caller that it
/// names, which is proven only when its callee opens it.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork queue peek thumbnailer.resize
  meshwork queue peek thumbnailer.resize --section running
  meshwork queue peek thumbnailer.resize --limit 1000 --json

Exit codes: 0 shown, 1 nothing is known of the queue, 64 wrong usage, 66 a file cannot be read,
69 the store does not answer."
)]
pub(super) struct Peek {
    /// The queue, as `meshwork queue ls` shows it
    #[arg(value_name = "QUEUE", value_parser = parse_queue)]
    name: QueueName,
    /// Which of its jobs
    #[arg(long, value_name = "SECTION", value_enum, default_value = "ready")]
    section: Part,
    /// How many at most
    #[arg(long, value_name = "N", default_value = PAGE_DEFAULT,
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=PAGE_MAX))]
    limit: u64,
    /// Only those behind this one
    #[arg(long, value_name = "JOB", value_parser = parse_job)]
    after: Option<JobId>,
    #[command(flatten)]
    access: StoreAccess,
}

impl Peek {
    pub(super) fn run(self, json: bool) -> Outcome {
        self.access.run(async |store| {
            let (queue, _) = store.known(&self.name).await?;
            let page = Page { part: self.section, after: self.after, limit: self.limit };
            page.show(&self.name, &*queue, json).await
        })
    }
}
