//! What became of a call: the public error and what travels of it in an ERROR record.
//!
//! The promise behind these types: a failure says *not executed*, *failed* or *unknown*, and is
//! never a guess. Whoever builds a [`NotExecuted`] must be able to prove that no handler ran.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::CallId;

/// Why a call did not bring an answer.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CallError {
    /// No handler ran, and none will: safe to retry, at once or elsewhere.
    #[error("not executed: {reason}")]
    NotExecuted {
        /// What stood in the way.
        reason: NotExecuted,
    },
    /// The handler ran and said no. Retrying repeats what it did.
    #[error("failed: {message} ({code})")]
    Failed {
        /// A short word for programs, chosen by the handler; `panic` when it panicked.
        code: String,
        /// A sentence for people.
        message: String,
        /// Whatever else the handler wants to tell.
        details: Option<serde_json::Value>,
    },
    /// It was sent and may have run. Retry only what is idempotent.
    #[error("unknown whether it ran: {cause} (call {call_id})")]
    Unknown {
        /// The call's number on its link, as in the logs of both ends.
        call_id: CallId,
        /// What cut the answer off.
        cause: UnknownCause,
    },
}

impl CallError {
    /// True when it is certain that no handler ran.
    pub fn is_safe_to_retry(&self) -> bool {
        matches!(self, Self::NotExecuted { .. })
    }

    /// Shorthand for [`CallError::NotExecuted`].
    pub fn not_executed(reason: NotExecuted) -> Self {
        Self::NotExecuted { reason }
    }
}

/// Why a call was not executed.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum NotExecuted {
    /// No live instance serves the command. Start one, or ask to wait for one.
    #[error("no live instance serves the command")]
    NoInstance,
    /// The schema does not let this worker call the command. Change `_allow`, `_connect` or
    /// `allow`.
    #[error("the schema does not allow this caller")]
    NotAllowed,
    /// The callee knows no such command, or has no handler for it.
    #[error("no such command")]
    NoSuchCommand,
    /// A bound is full: in flight, bytes queued, or the command's backlog. Retry later or
    /// elsewhere.
    #[error("overloaded: {what}")]
    Overloaded {
        /// The bound that is full.
        what: String,
    },
    /// The callee is shutting down and takes no new calls.
    #[error("the instance is draining")]
    Draining,
    /// The deadline passed before a handler started.
    #[error("the deadline passed before it started")]
    Deadline,
    /// The arguments do not decode. The caller's fault; a retry ends the same way.
    #[error("argument refused: {message}")]
    ArgumentRefused {
        /// What the decoder said.
        message: String,
    },
    /// The message is over the limit of the sender or of the receiver.
    #[error("message of {bytes} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// Size of the message in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The link ended before a byte of the call was handed to its socket.
    #[error("the link was lost before the call was sent")]
    LinkLost,
    /// The caller withdrew the call before it started.
    #[error("cancelled before it started")]
    Cancelled,
    /// The store of the queue cannot be reached, or takes nothing: the job was not stored. Retry
    /// later.
    #[error("the queue takes no job: {message}")]
    QueueUnavailable {
        /// What the store or the network said.
        message: String,
    },
}

impl NotExecuted {
    /// Shorthand for [`NotExecuted::Overloaded`].
    pub fn overloaded(what: impl Into<String>) -> Self {
        Self::Overloaded { what: what.into() }
    }

    /// True when another instance may well take the call that this one did not.
    pub fn may_succeed_elsewhere(&self) -> bool {
        match self {
            Self::Overloaded { .. } | Self::Draining | Self::LinkLost | Self::NoSuchCommand => true,
            Self::NoInstance
            | Self::NotAllowed
            | Self::Deadline
            | Self::ArgumentRefused { .. }
            | Self::TooLarge { .. }
            | Self::Cancelled
            | Self::QueueUnavailable { .. } => false,
        }
    }
}

/// What cut the answer of a call off after it was sent.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum UnknownCause {
    /// The deadline passed while the call was at the other end.
    #[error("the deadline passed after it was sent")]
    Deadline,
    /// The link ended while the call was at the other end.
    #[error("the link was lost after it was sent")]
    LinkLost,
    /// An answer came and cannot be read: it is over a limit, or not of the expected type.
    #[error("the reply cannot be read: {message}")]
    BadReply {
        /// What the decoder said.
        message: String,
    },
    /// The store of a queue did not answer: the job may be stored. Enqueue it again with the same
    /// id only.
    #[error("the queue did not answer: {message}")]
    Queue {
        /// What the store or the network said.
        message: String,
    },
}

/// What a handler says when it refuses or fails: becomes [`CallError::Failed`] at the caller.
#[derive(Clone, Debug, Error, PartialEq, Serialize, Deserialize)]
#[error("{message} ({code})")]
pub struct Failure {
    /// A short word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// Whatever else the caller should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
    /// What becomes of a job that failed so. Does not travel: callers decide for themselves.
    #[serde(skip)]
    pub retry: Retry,
}

/// What becomes of a job whose run failed. Without meaning for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// It runs again after the backoff of its command, while it has attempts left.
    #[default]
    Backoff,
    /// It runs again after this time, while it has attempts left.
    After(Duration),
    /// It never runs again: it is a dead letter now.
    Never,
}

impl Failure {
    /// A failure with a word for programs and a sentence for people.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), details: None, retry: Retry::Backoff }
    }

    /// Of a job: run it again after this time instead of the backoff, while it has attempts left.
    ///
    /// ```
    /// use std::time::Duration;
    /// use meshwork_shared::outcome::Failure;
    ///
    /// let busy = Failure::new("busy", "the printer is warm").retry_after(Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry = Retry::After(wait);
        self
    }

    /// Of a job: never run it again, whatever attempts are left.
    #[must_use]
    pub fn permanent(mut self) -> Self {
        self.retry = Retry::Never;
        self
    }

    /// Adds details for programs.
    #[must_use]
    pub fn with_details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(details);
        self
    }
}

/// The body of an ERROR record, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum ErrorBody {
    /// No handler ran.
    NotExecuted(NotExecuted),
    /// The handler said no.
    Failed(Failure),
    /// The callee itself cannot tell (its deadline passed while the handler ran).
    Unknown(UnknownCause),
}

impl ErrorBody {
    /// The caller's view of this error.
    pub fn into_call_error(self, call_id: CallId) -> CallError {
        match self {
            Self::NotExecuted(reason) => CallError::NotExecuted { reason },
            Self::Failed(Failure { code, message, details, .. }) => {
                CallError::Failed { code, message, details }
            }
            Self::Unknown(cause) => CallError::Unknown { call_id, cause },
        }
    }
}

impl From<NotExecuted> for ErrorBody {
    fn from(reason: NotExecuted) -> Self {
        Self::NotExecuted(reason)
    }
}

impl From<Failure> for ErrorBody {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
