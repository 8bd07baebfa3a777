//! `report`: how a worker is. CAST, at the join and then at the [`Pace`](super::Pace) that the
//! master asks for. Nothing but what people look at depends on it: a master that does not know it
//! ignores it, and a worker that sends none is a member all the same.

use meshwork_schema::{CommandName, Variant, WorkerName};
use serde::{Deserialize, Serialize};

use super::{MemberKey, bounded, limits};

/// How a worker is. Counts only grow, from the start of its process; whoever wants a rate compares
/// two reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the runtime in it, as `0.1.0`.
    #[serde(deserialize_with = "bounded::text::<{ limits::REPORT_TEXT_BYTES_MAX }, _>")]
    pub version: String,
    /// How long its process runs, milliseconds.
    pub uptime_ms: u64,
    /// Handlers and jobs that run now.
    pub running: u32,
    /// Number of the schema that it goes by; 0 if it does not say.
    #[serde(default)]
    pub schema: u64,
    /// The peers that a link leads to, sorted.
    #[serde(default, deserialize_with = "bounded::list::<{ limits::REPORT_LINKS_MAX }, _, _>")]
    pub links: Vec<MemberKey>,
    /// Upper bounds of the buckets of `latency` below, microseconds, ascending; what took longer
    /// is in one more bucket.
    #[serde(default, deserialize_with = "bounded::list::<{ limits::REPORT_BUCKETS_MAX }, _, _>")]
    pub latency_bounds_us: Vec<u64>,
    /// What it was asked for, by command.
    #[serde(default, deserialize_with = "bounded::list::<{ limits::REPORT_COMMANDS_MAX }, _, _>")]
    pub served: Vec<ServedFigures>,
    /// What it asked others for, by worker and command.
    #[serde(default, deserialize_with = "bounded::list::<{ limits::REPORT_COMMANDS_MAX }, _, _>")]
    pub asked: Vec<AskedFigures>,
    /// The queues that it takes jobs from; empty when it did not look this time.
    #[serde(default, deserialize_with = "bounded::list::<{ limits::REPORT_QUEUES_MAX }, _, _>")]
    pub queues: Vec<QueueFigures>,
    /// Jobs whose last run failed here since the report before, and those that were found dead in
    /// their queue, oldest first.
    #[serde(default, deserialize_with = "bounded::list::<{ limits::REPORT_DEAD_MAX }, _, _>")]
    pub dead: Vec<DeadJob>,
}

/// How often a command was served here, and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedFigures {
    /// Which command of the reporting worker.
    pub command: CommandName,
    /// How it went.
    pub calls: CallFigures,
}

/// How often a command of others was asked for here, and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedFigures {
    /// Whose command.
    pub worker: WorkerName,
    /// Which command.
    pub command: CommandName,
    /// How it went.
    pub calls: CallFigures,
}

/// Counts of calls that are over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFigures {
    /// Those that succeeded.
    pub ok: u64,
    /// Those whose handler said no.
    pub failed: u64,
    /// Those that were not executed: refused, overloaded, too late.
    pub not_executed: u64,
    /// How many of those were so because a bound was full: no room for another call.
    #[serde(default)]
    pub overloaded: u64,
    /// Those whose outcome is unknown.
    #[serde(default)]
    pub unknown: u64,
    /// Calls that are not over.
    #[serde(default)]
    pub running: u64,
    /// How long those that were executed took, by bucket; one more than there are bounds, or none.
    #[serde(
        default,
        deserialize_with = "bounded::list::<{ limits::REPORT_BUCKETS_MAX + 1 }, _, _>"
    )]
    pub latency: Vec<u64>,
}

impl CallFigures {
    /// All calls that are over.
    pub fn total(&self) -> u64 {
        [self.failed, self.not_executed, self.unknown]
            .into_iter()
            .fold(self.ok, u64::saturating_add)
    }
}

/// How full a queue is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFigures {
    /// Its name, as `worker.command` or `worker.command@variant`.
    #[serde(deserialize_with = "bounded::text::<{ limits::TEXT_BYTES_MAX }, _>")]
    pub queue: String,
    /// Whether it lives in the reporting process, and no other has a part of it.
    pub in_process: bool,
    /// Jobs that could run now.
    pub ready: u64,
    /// Jobs that wait for their time or their next attempt.
    pub scheduled: u64,
    /// Jobs that run.
    pub running: u64,
    /// Dead letters that are kept.
    pub dead: u64,
    /// How long the oldest of the ready jobs has waited, milliseconds.
    pub oldest_ready_ms: Option<u64>,
    /// Whether leasing is stopped.
    pub is_paused: bool,
}

/// A job that became a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadJob {
    /// The queue that it came from.
    #[serde(deserialize_with = "bounded::text::<{ limits::TEXT_BYTES_MAX }, _>")]
    pub queue: String,
    /// Its id, 32 hex digits.
    #[serde(deserialize_with = "bounded::text::<{ limits::REPORT_TEXT_BYTES_MAX }, _>")]
    pub job: String,
    /// Number of the run that was its last, from 1.
    pub attempt: u32,
    /// How that failed, cut to [`limits::TEXT_BYTES_MAX`].
    #[serde(deserialize_with = "bounded::text::<{ limits::TEXT_BYTES_MAX }, _>")]
    pub error: String,
    /// Set when nobody was left to tell how that run ended: the reporter has found the job in its
    /// queue, and others may find it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<FoundDead>,
}

/// A dead letter that was found in its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundDead {
    /// The instance of the reporting worker that had it last, as the queue has it.
    pub variant: Variant,
    /// When it was given up, unix milliseconds, by the clock of the queue.
    pub died_unix_ms: u64,
}
