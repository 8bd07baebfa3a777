//! A schema for people and for programs: its workers, who may link to whom, who may call what.
//!
//! `Display` prints tables that fit 100 columns; `Serialize` is for `--json`.

mod notes;
mod table;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::access::Access;
use crate::canonical::{Fingerprint, backoff_text};
use crate::command::{CommandSchema, Delivery, OnLeave};
use crate::duration;
use crate::names::{CommandName, WorkerName};
use crate::repeat::{Repeat, Schedule};
use crate::schema::{Schema, WorkerSchema};

/// What a schema says, settled and laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Fingerprint of the schema.
    pub fingerprint: Fingerprint,
    /// Its workers, by name.
    pub workers: Vec<WorkerSummary>,
    /// All commands, by worker and name.
    pub commands: Vec<CommandSummary>,
    /// What is allowed and yet looks like an oversight, in words; at most 100.
    pub notes: Vec<String>,
}

/// A worker in a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkerSummary {
    /// Its name.
    pub name: WorkerName,
    /// `_allow` as written.
    pub allow: Access,
    /// `_connect` as written.
    pub connect: Access,
    /// The workers that it really dials: it names them and they allow it.
    pub dials: Vec<WorkerName>,
    /// The workers that really dial it.
    pub dialled_by: Vec<WorkerName>,
    /// How many balanced commands it has, queued ones included.
    pub balanced: usize,
    /// How many broadcast commands it has, queued ones included.
    pub broadcast: usize,
    /// How many of its commands are queued.
    pub queued: usize,
}

/// A command in a [`Summary`]. Durations are written as in the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandSummary {
    /// The worker that has it.
    pub worker: WorkerName,
    /// Its name.
    pub command: CommandName,
    /// Its number on the wire.
    pub number: u16,
    /// `balanced` or `broadcast`.
    pub delivery: &'static str,
    /// Whether there is an answer.
    pub responds: bool,
    /// Whether calls become jobs.
    pub queued: bool,
    /// Whether it may run twice.
    pub idempotent: bool,
    /// Deadline of a call.
    pub timeout: String,
    /// Calls or jobs at once at one instance, if said.
    pub concurrency: Option<u32>,
    /// Calls that may wait at one instance.
    pub backlog: u32,
    /// What only a job has.
    pub job: Option<JobSummary>,
    /// The workers that may call it.
    pub callers: Arc<[WorkerName]>,
}

/// The options of a queued command in a [`CommandSummary`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobSummary {
    /// Limit of one run.
    pub run_timeout: String,
    /// Runs before the job is dead-lettered.
    pub attempts: u32,
    /// Wait between runs.
    pub backoff: String,
    /// How long a job stays with an instance that does not renew it.
    pub lease: String,
    /// How long the end of a job is known.
    pub done_kept: String,
    /// When it runs by itself.
    pub repeat: Option<RepeatSummary>,
    /// What happens to the jobs of an instance that has left for good: `bury` or `keep`; of
    /// broadcast commands.
    pub on_leave: Option<&'static str>,
}

/// When a command runs by itself, in a [`JobSummary`]: `every`, or `cron` with `timezone`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepeatSummary {
    /// The interval.
    pub every: Option<String>,
    /// The cron expression.
    pub cron: Option<String>,
    /// Its time zone.
    pub timezone: Option<String>,
    /// What happens to times that nobody was there for: `skip`, `once` or `all`.
    pub missed: &'static str,
}

/// Lays out what a schema says.
///
/// ```
/// use meshwork_schema::{Schema, summary};
/// let schema = Schema::from_toml("[gateway]\n").unwrap();
/// assert!(summary(&schema).to_string().contains("gateway"));
/// ```
pub fn summary(schema: &Schema) -> Summary {
    let workers: Vec<WorkerSummary> =
        schema.workers().iter().map(|worker| summarise_worker(schema, worker)).collect();
    let commands = schema
        .workers()
        .iter()
        .zip(&workers)
        .flat_map(|(worker, summary)| summarise_commands(worker, summary))
        .collect::<Vec<_>>();
    let notes = notes::notes(schema, &workers, &commands);
    Summary { fingerprint: schema.fingerprint(), workers, commands, notes }
}

fn summarise_worker(schema: &Schema, worker: &WorkerSchema) -> WorkerSummary {
    let name = worker.name.as_str();
    let names = |linked: &dyn Fn(&str) -> bool| -> Vec<WorkerName> {
        let all = schema.workers().iter().map(|other| &other.name);
        all.filter(|other| linked(other.as_str())).cloned().collect()
    };
    let count = |is: &dyn Fn(&CommandSchema) -> bool| {
        worker.commands.iter().filter(|command| is(command)).count()
    };
    WorkerSummary {
        name: worker.name.clone(),
        allow: worker.allow.clone(),
        connect: worker.connect.clone(),
        dials: names(&|other| schema.dials(name, other)),
        dialled_by: names(&|other| schema.dials(other, name)),
        balanced: count(&|command| command.delivery == Delivery::Balanced),
        broadcast: count(&|command| command.delivery == Delivery::Broadcast),
        queued: count(&|command| command.queued),
    }
}

fn summarise_commands<'s>(
    worker: &'s WorkerSchema,
    summary: &WorkerSummary,
) -> impl Iterator<Item = CommandSummary> + use<'s> {
    let linked: BTreeSet<WorkerName> =
        summary.dials.iter().chain(&summary.dialled_by).cloned().collect();
    // Shared by the commands that do not narrow it, which may be thousands.
    let everyone: Arc<[WorkerName]> = linked.into_iter().collect();
    worker.commands.iter().zip(0..).map(move |(command, number)| CommandSummary {
        worker: worker.name.clone(),
        command: command.name.clone(),
        number,
        delivery: match command.delivery {
            Delivery::Balanced => "balanced",
            Delivery::Broadcast => "broadcast",
        },
        responds: command.responds,
        queued: command.queued,
        idempotent: command.idempotent,
        timeout: duration::format(command.timeout),
        concurrency: command.concurrency,
        backlog: command.backlog,
        job: command.queued.then(|| summarise_job(command)),
        callers: match &command.allow {
            None => everyone.clone(),
            Some(allow) => everyone.iter().filter(|w| allow.names(w.as_str())).cloned().collect(),
        },
    })
}

fn summarise_job(command: &CommandSchema) -> JobSummary {
    JobSummary {
        run_timeout: duration::format(command.run_timeout),
        attempts: command.attempts,
        backoff: backoff_text(command.backoff),
        lease: duration::format(command.lease),
        done_kept: duration::format(command.done_kept),
        repeat: command.repeat.as_ref().map(summarise_repeat),
        on_leave: (command.delivery == Delivery::Broadcast).then_some(match command.on_leave {
            OnLeave::Bury => "bury",
            OnLeave::Keep => "keep",
        }),
    }
}

fn summarise_repeat(repeat: &Repeat) -> RepeatSummary {
    let (every, cron) = match &repeat.schedule {
        Schedule::Every(interval) => (Some(duration::format(*interval)), None),
        Schedule::Cron(cron) => (None, Some(cron)),
    };
    RepeatSummary {
        every,
        cron: cron.map(|cron| cron.expression().to_owned()),
        timezone: cron.map(|cron| cron.timezone().to_owned()),
        missed: repeat.missed.as_str(),
    }
}

#[cfg(test)]
mod tests;
