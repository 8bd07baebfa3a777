//! One command of a worker, with every option settled.

use std::time::Duration;

use crate::access::Access;
use crate::names::CommandName;
use crate::repeat::Repeat;

/// Deadline of a call that says nothing else.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Limit of one run of a job that says nothing else.
pub const RUN_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// Calls that may wait for a slot of a command that says nothing else.
pub const BACKLOG_DEFAULT: u32 = 1024;
/// Runs of a job, the first one included, before it is dead-lettered.
pub const ATTEMPTS_DEFAULT: u32 = 5;
/// Wait between two runs of a job: grows from the first to the second.
pub const BACKOFF_DEFAULT: BackoffRange =
    BackoffRange { min: Duration::from_secs(1), max: Duration::from_secs(60) };

/// How long a job stays with an instance that does not say that it still has it.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(30);
/// How long it is known that a job is done, and what it answered.
pub const DONE_KEPT_DEFAULT: Duration = Duration::from_secs(60 * 60);

/// Which instances of a worker a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// One instance, in turn.
    Balanced,
    /// Every instance.
    Broadcast,
}

/// What happens to the jobs that wait for an instance when it has left for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLeave {
    /// They become dead letters that say so.
    #[default]
    Bury,
    /// They wait for an instance of the same variant.
    Keep,
}

/// Shortest and longest wait between two runs of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffRange {
    /// Wait before the second run; never zero.
    pub min: Duration,
    /// What the wait grows to; never below `min`.
    pub max: Duration,
}

/// What a worker can be asked to do, with every option settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSchema {
    /// Its name, unique within the worker.
    pub name: CommandName,
    /// One instance or all.
    pub delivery: Delivery,
    /// Whether there is an answer. Of a queued command: whether the job keeps its reply.
    pub responds: bool,
    /// Whether calls become jobs that wait in a queue.
    pub queued: bool,
    /// Deadline of a call (of a queued command: of the call that stores the job).
    pub timeout: Duration,
    /// Limit of one run of a job. Without meaning, and the default, unless `queued`.
    pub run_timeout: Duration,
    /// Whether a call may run twice, so that one of unknown outcome may be retried.
    pub idempotent: bool,
    /// Who may call it, among those that are linked; `None` is all of them.
    pub allow: Option<Access>,
    /// Calls or jobs that one instance runs at once; `None` leaves it to the worker (a blocking
    /// handler: cores, an asynchronous one: 1024, a queued command: one).
    pub concurrency: Option<u32>,
    /// Calls that may wait for a slot at one instance; 0 means that none waits.
    pub backlog: u32,
    /// Runs of a job before it is dead-lettered. Without meaning, and the default, unless `queued`.
    pub attempts: u32,
    /// Wait between runs of a job. Without meaning, and the default, unless `queued`.
    pub backoff: BackoffRange,
    /// How long a job stays with an instance that does not renew it: so long does the job of a
    /// process that died wait for another. Without meaning, and the default, unless `queued`.
    pub lease: Duration,
    /// How long it is known that a job is done, and what it answered. Without meaning, and the
    /// default, unless `queued`.
    pub done_kept: Duration,
    /// When it runs by itself, with nothing (`null`) for its arguments. None unless `queued`.
    pub repeat: Option<Repeat>,
    /// What happens to the jobs of an instance that has left for good. Without meaning, and the
    /// default, unless `queued` and broadcast.
    pub on_leave: OnLeave,
}

impl CommandSchema {
    /// Whether the command's own `allow` admits this worker. That the two are linked is another
    /// question: [`Schema::may_call`](crate::Schema::may_call) answers both.
    pub fn admits(&self, caller: &str) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.names(caller))
    }
}
