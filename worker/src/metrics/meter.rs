//! What is counted of one command in one direction. It stands on the path of every call: one to
//! three relaxed additions, and no look at the clock that the path does not need anyway.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meshwork_shared::metrics::{Histogram, HistogramFigures};
use meshwork_shared::outcome::{CallError, ErrorBody};

/// Of handlers that answer at once one in so many is timed, and stands for all of them: the clock
/// would cost more than what it measures.
pub(crate) const TIMED_ONE_IN: u64 = 16;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Ok,
    NotExecuted,
    Failed,
    Unknown,
    /// Nobody waited for it any more.
    Cancelled,
}

impl Ending {
    pub(crate) const ALL: [Self; 5] =
        [Self::Ok, Self::NotExecuted, Self::Failed, Self::Unknown, Self::Cancelled];

    /// As a label says it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotExecuted => "not_executed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
        }
    }

    /// What became of a call, as its caller learns it.
    pub(crate) fn of_call<T>(result: &Result<T, CallError>) -> Self {
        match result {
            Ok(_) => Self::Ok,
            Err(CallError::NotExecuted { .. }) => Self::NotExecuted,
            Err(CallError::Failed { .. }) => Self::Failed,
            Err(CallError::Unknown { .. }) => Self::Unknown,
        }
    }

    /// What a handler answered.
    pub(crate) fn of_answer<T>(answer: &Result<T, ErrorBody>) -> Self {
        match answer {
            Ok(_) => Self::Ok,
            Err(ErrorBody::NotExecuted(_)) => Self::NotExecuted,
            Err(ErrorBody::Failed(_)) => Self::Failed,
            Err(ErrorBody::Unknown(_)) => Self::Unknown,
        }
    }
}

/// The counts of one command.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    endings: [AtomicU64; Ending::ALL.len()],
    took: Histogram,
}

impl Meter {
    /// Counts one that ended.
    pub(crate) fn count(&self, ending: Ending) {
        self.endings[ending as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts how long one took that went well; it stands for `weight` of them.
    pub(crate) fn took(&self, took: Duration, weight: u64) {
        self.took.count(took, weight);
    }

    /// Whether the next one that goes well stands for those around it.
    pub(crate) fn times_next(&self) -> bool {
        self.ended(Ending::Ok).is_multiple_of(TIMED_ONE_IN)
    }

    pub(crate) fn ended(&self, ending: Ending) -> u64 {
        self.endings[ending as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn durations(&self) -> HistogramFigures {
        self.took.figures()
    }
}
