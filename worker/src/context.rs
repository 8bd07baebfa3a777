//! What a handler knows of the call it serves.

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::Lease;
use meshwork_schema::{Variant, WorkerName};
use meshwork_shared::ids::{CallId, Incarnation, JobId, NodeId};
use meshwork_shared::record::TraceContext;
use tokio::time::Instant;

use crate::wakeup::Stop;
use crate::worker::Worker;

/// Who calls, as its ticket says. Nothing in a message can change it.
///
/// Of a job it is who enqueued it, proven by the link or by the seal; the incarnation is 0 and the
/// key all zeros then, since that process may be long gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What kind of process it is.
    pub worker: WorkerName,
    /// Which instance.
    pub variant: Variant,
    /// Which life of the instance.
    pub incarnation: Incarnation,
    /// Its public key, proven by the link.
    pub node: NodeId,
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.worker, self.variant)
    }
}

/// What a handler knows of the call it serves. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) caller: Arc<Caller>,
    pub(crate) call_id: CallId,
    pub(crate) deadline: Instant,
    pub(crate) attempt: u32,
    pub(crate) worker: Worker,
    /// Set when it is a job that runs.
    pub(crate) job: Option<Arc<JobRun>>,
}

/// What a handler knows of the job that it runs.
pub struct JobRun {
    id: JobId,
    is_last: bool,
    enqueued_unix_ms: u64,
    /// Told when the run is no longer wanted.
    pub(crate) stop: Stop,
}

impl JobRun {
    pub(crate) fn of(lease: &Lease) -> Self {
        Self {
            id: lease.id,
            is_last: lease.is_last,
            enqueued_unix_ms: lease.enqueued_unix_ms,
            stop: Stop::default(),
        }
    }

    /// The job's id, the same in all of its runs.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Whether a failure of this run makes the job a dead letter.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// When the job was stored, unix milliseconds by the clock of its queue.
    pub fn enqueued_unix_ms(&self) -> u64 {
        self.enqueued_unix_ms
    }
}

impl std::fmt::Debug for JobRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JobRun({})", self.id)
    }
}

impl Context {
    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The call's number on its link, as in the caller's `Unknown`.
    pub fn call_id(&self) -> CallId {
        self.call_id
    }

    /// When the caller stops waiting. Calls made through [`Context::worker`] end by then too.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Time that is left until the deadline.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The trace that the call is part of.
    pub fn trace(&self) -> Option<TraceContext> {
        self.worker.trace()
    }

    /// Which attempt of a job this is; 1 for a call. It only ever grows, also over runs that do
    /// not count because their instance was shut down.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The job that runs; `None` for a call.
    pub fn job(&self) -> Option<&JobRun> {
        self.job.as_deref()
    }

    /// True when nobody wants the result any more: the deadline is over, the job was given to
    /// another instance, or this one shuts down. An async handler is dropped then; one that blocks
    /// should look at this now and then, and return.
    pub fn is_cancelled(&self) -> bool {
        Instant::now() >= self.deadline || self.job().is_some_and(|job| job.stop.is_stopped())
    }

    /// The own worker, to call others: their deadlines end no later than this call's.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }
}
