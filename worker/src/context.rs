//! What a handler knows of the call it serves.

use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::{Variant, WorkerName};
use meshwork_shared::ids::{CallId, Incarnation, NodeId};
use meshwork_shared::record::TraceContext;
use tokio::time::Instant;

use crate::worker::Worker;

/// Who calls, as its ticket says. Nothing in a message can change it.
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

    /// Which attempt of a job this is; 1 for a call.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The own worker, to call others: their deadlines end no later than this call's.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }
}
