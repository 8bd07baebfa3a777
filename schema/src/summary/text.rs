//! The summary as text.

use std::fmt;

use super::table::{LINE_CHARS_MAX, TextTable, wrap};
use super::{CommandSummary, RepeatSummary, Summary, WorkerSummary};
use crate::access::Access;
use crate::command::{BACKLOG_DEFAULT, DONE_KEPT_DEFAULT, LEASE_DEFAULT};
use crate::duration;
use crate::names::WorkerName;
use crate::repeat::Missed;

/// Most callers of a command that its row names.
const CALLERS_SHOWN_MAX: usize = 20;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links = self.workers.iter().map(|worker| worker.dials.len()).sum();
        writeln!(
            f,
            "{}, {}, {}",
            counted(self.workers.len(), "worker"),
            counted(self.commands.len(), "command"),
            counted(links, "link"),
        )?;
        writeln!(f, "fingerprint {}", self.fingerprint)?;
        write!(f, "\nWorkers\n{}", workers(&self.workers))?;
        if links > 0 {
            write!(f, "\nWho may link to whom\n{}", dials(&self.workers))?;
        }
        if !self.commands.is_empty() {
            write!(f, "\nWho may call what\n{}", calls(&self.commands))?;
        }
        if !self.notes.is_empty() {
            writeln!(f, "\nNotes")?;
        }
        for note in &self.notes {
            for (index, line) in wrap(note, LINE_CHARS_MAX - 4).iter().enumerate() {
                writeln!(f, "  {} {line}", if index == 0 { "-" } else { " " })?;
            }
        }
        Ok(())
    }
}

fn workers(workers: &[WorkerSummary]) -> TextTable<4> {
    let mut table = TextTable::new(["worker", "commands", "_allow", "_connect"]);
    for worker in workers {
        let WorkerSummary { balanced, broadcast, queued, .. } = worker;
        let kinds = [(balanced, "balanced"), (broadcast, "broadcast"), (queued, "queued")];
        let counts: Vec<String> = kinds
            .iter()
            .filter(|(count, _)| **count > 0)
            .map(|(count, kind)| format!("{count} {kind}"))
            .collect();
        let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        let (allow, connect) = (access(&worker.allow), access(&worker.connect));
        table.push([worker.name.to_string(), counts, allow, connect]);
    }
    table
}

fn dials(workers: &[WorkerSummary]) -> TextTable<2> {
    let mut table = TextTable::new(["worker", "dials"]);
    for worker in workers.iter().filter(|worker| !worker.dials.is_empty()) {
        table.push([worker.name.to_string(), names(&worker.dials)]);
    }
    table
}

fn calls(commands: &[CommandSummary]) -> TextTable<4> {
    let mut table = TextTable::new(["command", "kind", "bounds", "who may call it"]);
    for command in commands {
        let name = format!("{}.{}", command.worker, command.command);
        let callers = some_names(&command.callers);
        table.push([name, kind(command), bounds(command), callers]);
    }
    table
}

fn kind(command: &CommandSummary) -> String {
    let mut kind = command.delivery.to_owned();
    kind.push_str(match (command.queued, command.responds) {
        (false, true) => ", answers",
        (false, false) => ", no answer",
        (true, true) => ", queued, keeps its reply",
        (true, false) => ", queued",
    });
    if command.idempotent {
        kind.push_str(", idempotent");
    }
    kind
}

fn bounds(command: &CommandSummary) -> String {
    let mut bounds = vec![format!("timeout {}", command.timeout)];
    if let Some(job) = &command.job {
        bounds.push(format!("run {}", job.run_timeout));
        bounds.push(counted(job.attempts as usize, "attempt"));
        bounds.push(format!("backoff {}", job.backoff));
        if job.lease != duration::format(LEASE_DEFAULT) {
            bounds.push(format!("lease {}", job.lease));
        }
        if job.done_kept != duration::format(DONE_KEPT_DEFAULT) {
            bounds.push(format!("done kept {}", job.done_kept));
        }
        bounds.extend(job.repeat.as_ref().map(repeat));
        if job.on_leave == Some("keep") {
            bounds.push("kept on leave".to_owned());
        }
    }
    if let Some(concurrency) = command.concurrency {
        bounds.push(format!("{concurrency} at once"));
    }
    if command.backlog != BACKLOG_DEFAULT {
        bounds.push(format!("backlog {}", command.backlog));
    }
    bounds.join(", ")
}

fn repeat(repeat: &RepeatSummary) -> String {
    let RepeatSummary { every, cron, timezone, missed } = repeat;
    let mut text = match (every, cron, timezone) {
        (Some(every), _, _) => format!("every {every}"),
        (None, Some(cron), Some(timezone)) => format!("cron `{cron}` {timezone}"),
        (None, _, _) => String::new(),
    };
    if *missed != Missed::default().as_str() {
        text.push_str(&format!(", missed {missed}"));
    }
    text
}

fn access(access: &Access) -> String {
    match access {
        Access::AnyNode => "every worker".to_owned(),
        Access::List(workers) => names(workers),
    }
}

fn names<'n>(workers: impl IntoIterator<Item = &'n WorkerName>) -> String {
    let names: Vec<&str> = workers.into_iter().map(WorkerName::as_str).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// The first names; a large mesh has as many callers as workers, for each of its commands.
fn some_names(workers: &[WorkerName]) -> String {
    let shown = names(workers.iter().take(CALLERS_SHOWN_MAX));
    match workers.len().saturating_sub(CALLERS_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
