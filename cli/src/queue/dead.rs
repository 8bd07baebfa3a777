//! `meshwork queue dead`: jobs that have failed for good, and why.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use meshwork_queue::{Attempt, DeadLetter, Priority, Queue, QueueName};
use meshwork_schema::{Variant, WorkerName};
use meshwork_shared::clock::Clock;
use meshwork_shared::ids::JobId;
use serde::Serialize;

use super::jobs::{PAGE_DEFAULT, PAGE_MAX, Page, Part, one_line, size};
use super::name::{parse_job, parse_queue};
use super::store::{StoreAccess, unavailable};
use crate::age::age;
use crate::exit::{CommandError, Exit, Outcome};
use crate::table::{Side, Table};
use crate::terminal::{Paint, say, say_json};

/// Show the dead letters of a queue, or the history of one
///
/// A dead letter is a job that failed for good or ran out of attempts. The newest are kept, 65536
/// of a queue unless the address of the store says otherwise (`dead_letters_max`). What it says is
/// sealed: only its size is shown.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork queue dead thumbnailer.resize
  meshwork queue dead thumbnailer.resize 5f0c9d3e1b7a48260011223344556677
  meshwork queue dead thumbnailer.resize --limit 1000 --json

Exit codes: 0 shown, 1 no such queue or dead letter, 64 wrong usage, 66 a file cannot be read,
69 the store does not answer."
)]
pub(super) struct Dead {
    /// The queue, as `meshwork queue ls` shows it
    #[arg(value_name = "QUEUE", value_parser = parse_queue)]
    name: QueueName,
    /// Show this one, with every failed run that is remembered
    #[arg(value_name = "JOB", value_parser = parse_job)]
    job: Option<JobId>,
    /// How many at most
    #[arg(long, value_name = "N", default_value = PAGE_DEFAULT, conflicts_with = "job",
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=PAGE_MAX))]
    limit: u64,
    /// Only those behind this one
    #[arg(long, value_name = "JOB", value_parser = parse_job, conflicts_with = "job")]
    after: Option<JobId>,
    #[command(flatten)]
    access: StoreAccess,
}

/// One dead letter, for programs.
#[derive(Serialize)]
struct Shown<'l> {
    queue: String,
    job: Letter<'l>,
}

#[derive(Serialize)]
struct Letter<'l> {
    id: JobId,
    caller: &'l WorkerName,
    caller_variant: &'l Variant,
    priority: Priority,
    body_bytes: usize,
    enqueued_unix_ms: u64,
    died_unix_ms: u64,
    history: &'l [Attempt],
}

impl Dead {
    pub(super) fn run(self, json: bool) -> Outcome {
        self.access.run(async |store| {
            let (queue, _) = store.known(&self.name).await?;
            let Some(job) = self.job else {
                let page = Page { part: Part::Dead, after: self.after, limit: self.limit };
                return page.show(&self.name, &*queue, json).await;
            };
            let letter = queue.dead_letter(job).await.map_err(unavailable)?;
            let Some(letter) = letter else {
                return Err(no_letter(&self.name, &*queue, job).await);
            };
            if json {
                say_json(&Shown { queue: self.name.to_string(), job: Letter::of(&letter) });
            } else {
                say(&lines(&letter, Clock::system().unix_ms()));
            }
            Ok(Exit::Ok)
        })
    }
}

impl<'l> Letter<'l> {
    fn of(letter: &'l DeadLetter) -> Self {
        Self {
            id: letter.id,
            caller: &letter.job.caller,
            caller_variant: &letter.job.caller_variant,
            priority: letter.job.priority,
            body_bytes: letter.job.body.len(),
            enqueued_unix_ms: letter.enqueued_unix_ms,
            died_unix_ms: letter.died_unix_ms,
            history: &letter.history,
        }
    }
}

/// Why there is no such dead letter: what became of the job.
pub(super) async fn no_letter(name: &QueueName, queue: &dyn Queue, job: JobId) -> CommandError {
    use meshwork_queue::JobStatus;
    let status = match queue.status(job).await {
        Ok(status) => status,
        Err(error) => return unavailable(error),
    };
    let what = match status {
        None => format!("nothing is known of a job {job} in {name}"),
        Some(JobStatus::Waiting) => format!("{job} is no dead letter: it is ready to run"),
        Some(JobStatus::Scheduled { .. }) => {
            format!("{job} is no dead letter: it waits for its time")
        }
        Some(JobStatus::Running { .. }) => format!("{job} is no dead letter: it runs now"),
        Some(JobStatus::Done { .. }) => format!("{job} is no dead letter: it is done"),
        Some(JobStatus::Dead { .. }) => format!("{job} became a dead letter just now"),
        Some(JobStatus::Canceled) => format!("{job} is no dead letter: it was canceled"),
    };
    CommandError::new(Exit::Failed, what)
        .with_help(format!("list those that there are: meshwork queue dead {name}"))
}

fn lines(letter: &DeadLetter, now_unix_ms: u64) -> String {
    let ago = |unix_ms: u64| format!("{} ago", age(now_unix_ms.saturating_sub(unix_ms)));
    let job = &letter.job;
    let facts = [
        ("job", letter.id.to_string()),
        ("caller", format!("{}/{}, as it says", job.caller, job.caller_variant)),
        ("size", size(job.body.len())),
        ("stored", ago(letter.enqueued_unix_ms)),
        ("died", ago(letter.died_unix_ms)),
    ];
    let mut text: String =
        facts.iter().map(|(what, value)| format!("  {what:<6}  {value}\n")).collect();
    let headings = [
        ("run", Side::Right),
        ("consumer", Side::Left),
        ("began", Side::Right),
        ("took", Side::Right),
        ("error", Side::Left),
    ];
    let mut table = Table::new(headings, Paint::stdout());
    for run in &letter.history {
        table.push([
            run.attempt.to_string(),
            one_line(&run.consumer),
            ago(run.started_unix_ms),
            format!("{}ms", run.ended_unix_ms.saturating_sub(run.started_unix_ms)),
            one_line(&run.error.to_string()),
        ]);
    }
    text.push_str(&format!("\n{table}"));
    text
}
