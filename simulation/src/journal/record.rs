//! What the journal keeps of a process, a call and an execution.

use std::time::Duration;

use meshwork_shared::ids::Incarnation;
use meshwork_worker::{CallError, NotExecuted, UnknownCause};

use crate::tasks::{Act, Done, Token};

/// One life of a host. Numbers are never used twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// A worker's process.
#[derive(Clone, Debug)]
pub struct Process {
    /// The host that it runs on.
    pub host: String,
    /// Its worker's name in the schema.
    pub worker: &'static str,
    /// Its variant, which another process may have, too.
    pub variant: String,
    /// When it came to life.
    pub started: Duration,
    /// When it was ready.
    pub ready: Option<Duration>,
    /// When it was told to leave.
    pub leaving: Option<Duration>,
    /// When it was gone.
    pub ended: Option<Duration>,
}

/// Whom a call was meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Any one instance.
    Balanced,
    /// Every instance.
    Broadcast,
    /// This variant.
    Direct(String),
}

/// A call as its caller sees it.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// Who made it.
    pub by: ProcessId,
    /// Whose command.
    pub worker: &'static str,
    /// Its name.
    pub command: &'static str,
    /// What the handler was asked to do.
    pub act: Act,
    /// Whom it was meant for.
    pub aim: Aim,
    /// Whether the schema lets it run more than once.
    pub idempotent: bool,
    /// Whether a handler answers it at all.
    pub answers: bool,
    /// When it was made.
    pub made: Duration,
    /// How long it may take.
    pub deadline: Duration,
    /// How it ended.
    pub end: CallEnd,
}

/// How a call ended for its caller.
#[derive(Clone, Debug)]
pub enum CallEnd {
    /// It has not.
    Open,
    /// The caller lost interest, or died.
    Abandoned,
    /// With these outcomes: one, or one per expected instance of a broadcast.
    Over {
        /// When.
        at: Duration,
        /// How long it took by the caller's own timer.
        took: Duration,
        /// By variant if it was a broadcast.
        outcomes: Vec<(Option<String>, Outcome)>,
    },
}

/// What a caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer; what is in it unless the command has none.
    Answered(Option<Done>),
    /// The handler said no, with this code.
    Failed(String),
    /// It may have run.
    Unknown(UnknownCause),
    /// It did not run, and will not.
    NotExecuted(NotExecuted),
}

impl From<CallError> for Outcome {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotExecuted { reason } => Self::NotExecuted(reason),
            CallError::Failed { code, .. } => Self::Failed(code),
            CallError::Unknown { cause, .. } => Self::Unknown(cause),
        }
    }
}

/// One start of a handler.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The call that it served.
    pub token: Token,
    /// Where it ran.
    pub by: ProcessId,
    /// Which incarnation that process was then.
    pub incarnation: Incarnation,
    /// When it started.
    pub started: Duration,
    /// How it ended.
    pub end: HandlerEnd,
}

/// How a handler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerEnd {
    /// It has not.
    Running,
    /// With an answer.
    Answered,
    /// With a failure.
    Failed,
    /// In a panic.
    Panicked,
    /// It was dropped: cancelled, its link gone, or its process.
    Dropped,
}
