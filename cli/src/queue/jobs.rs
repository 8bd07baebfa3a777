//! A page of the jobs of one section, without what they say.

use clap::ValueEnum;
use meshwork_queue::{Attempt, JobSummary, Queue, QueueName, Section};
use meshwork_shared::clock::Clock;
use meshwork_shared::ids::JobId;
use serde::Serialize;

use super::store::unavailable;
use crate::age::age;
use crate::exit::{Exit, Outcome};
use crate::table::{Side, Table};
use crate::terminal::{Paint, Style, note, say, say_json, screen_safe};

/// Jobs of a page, at most, and unless said.
pub(super) const PAGE_MAX: u64 = 10_000;
pub(super) const PAGE_DEFAULT: &str = "20";

/// Characters of an error that a table shows.
const ERROR_CHARS_MAX: usize = 60;

/// A part of a queue, as typed and as printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// Jobs that could run now
    Ready,
    /// Jobs that wait for their time or their next attempt
    Scheduled,
    /// Jobs that run
    Running,
    /// Jobs that will not run again by themselves
    Dead,
}

/// Which jobs to show.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) part: Part,
    pub(super) after: Option<JobId>,
    pub(super) limit: u64,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Jobs {
    queue: String,
    section: Part,
    jobs: Vec<JobSummary>,
}

impl Part {
    pub(super) fn section(self) -> Section {
        match self {
            Self::Ready => Section::Ready,
            Self::Scheduled => Section::Scheduled,
            Self::Running => Section::Running,
            Self::Dead => Section::Dead,
        }
    }

    /// What its jobs are called.
    pub(super) fn called(self) -> &'static str {
        match self {
            Self::Ready => "ready jobs",
            Self::Scheduled => "scheduled jobs",
            Self::Running => "running jobs",
            Self::Dead => "dead letters",
        }
    }

    /// Headings of the time and of the remark.
    fn headings(self) -> (&'static str, &'static str) {
        match self {
            Self::Ready => ("ready for", "last error"),
            Self::Scheduled => ("due in", "last error"),
            Self::Running => ("runs for", "consumer"),
            Self::Dead => ("dead for", "last error"),
        }
    }
}

impl Page {
    /// Shows it.
    pub(super) async fn show(&self, name: &QueueName, queue: &dyn Queue, json: bool) -> Outcome {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let jobs = queue.peek(self.part.section(), self.after, limit).await.map_err(unavailable)?;
        if json {
            say_json(&Jobs { queue: name.to_string(), section: self.part, jobs });
            return Ok(Exit::Ok);
        }
        if jobs.is_empty() {
            let more = if self.after.is_some() { " behind that one" } else { "" };
            say(&format!("no {} in {name}{more}\n", self.part.called()));
            return Ok(Exit::Ok);
        }
        say(&self.table(&jobs, Clock::system().unix_ms()));
        if let Some(last) = jobs.last().filter(|_| jobs.len() == limit) {
            let hint = format!("there may be more: the same with --after {}", last.id);
            note(&Paint::stdout().paint(Style::Faint, &hint));
        }
        Ok(Exit::Ok)
    }

    fn table(&self, jobs: &[JobSummary], now_unix_ms: u64) -> String {
        let (time, remark) = self.part.headings();
        let headings = [
            ("job", Side::Left),
            ("caller", Side::Left),
            ("size", Side::Right),
            ("runs", Side::Right),
            ("stored", Side::Right),
            (time, Side::Right),
            (remark, Side::Left),
        ];
        let mut table = Table::new(headings, Paint::stdout());
        for job in jobs {
            let since = match self.part {
                Part::Scheduled => job.since_unix_ms.saturating_sub(now_unix_ms),
                _ => now_unix_ms.saturating_sub(job.since_unix_ms),
            };
            let remark = match self.part {
                Part::Running => job.consumer.as_deref().map(one_line),
                _ => job.last.as_ref().map(error_of),
            };
            table.push([
                job.id.to_string(),
                format!("{}/{}", job.caller, job.caller_variant),
                size(job.body_bytes),
                job.attempts.to_string(),
                format!("{} ago", age(now_unix_ms.saturating_sub(job.enqueued_unix_ms))),
                age(since),
                remark.unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        table.to_string()
    }
}

/// Bytes, in the largest unit that fits.
pub(super) fn size(bytes: usize) -> String {
    const KIB: f64 = 1024.0;
    let amount = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", amount / KIB),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", amount / KIB / KIB),
        _ => format!("{:.1} GiB", amount / KIB / KIB / KIB),
    }
}

/// Text from the store as one line that steers no terminal.
pub(super) fn one_line(text: &str) -> String {
    screen_safe(text).replace('\n', " ")
}

fn error_of(attempt: &Attempt) -> String {
    let text = one_line(&attempt.error.to_string());
    if text.chars().count() <= ERROR_CHARS_MAX {
        return text;
    }
    let cut: String = text.chars().take(ERROR_CHARS_MAX - 3).collect();
    format!("{cut}...")
}

#[cfg(test)]
mod tests {
    use meshwork_queue::AttemptError;

    use super::*;

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 1023, 1024, 1536, 5 << 20, 3 << 30].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "3.0 GiB"]);
    }

    #[test]
    fn errors_are_one_line_that_steers_no_terminal() {
        let message = format!("\x1b[2J\n{}", "x".repeat(100));
        let error = error_of(&Attempt {
            attempt: 1,
            consumer: "a#1".to_owned(),
            started_unix_ms: 0,
            ended_unix_ms: 0,
            error: AttemptError::Failed { message },
        });
        assert_eq!(error.chars().count(), ERROR_CHARS_MAX);
        assert!(error.starts_with("\\u{1b}[2J xxx"), "{error}");
    }
}
