//! What is counted of one command in one direction. It stands on the path of every call: one to
//! three relaxed additions, and no look at the clock that the path does not need anyway.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meshwork_shared::metrics::{Histogram, HistogramFigures};
use meshwork_shared::outcome::{CallError, ErrorBody, NotExecuted};

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
    /// Those of the calls that were not executed for which there was no room.
    overloaded: AtomicU64,
    took: Histogram,
}

impl Meter {
    /// Counts one that ended.
    pub(crate) fn count(&self, ending: Ending) {
        self.endings[ending as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what became of a call, as its caller learns it.
    pub(crate) fn count_call<T>(&self, result: &Result<T, CallError>) {
        match result {
            Err(CallError::NotExecuted { reason }) => self.count_refused(reason),
            result => self.count(Ending::of_call(result)),
        }
    }

    /// Counts one that was not executed.
    pub(crate) fn count_refused(&self, reason: &NotExecuted) {
        self.count(Ending::NotExecuted);
        if matches!(reason, NotExecuted::Overloaded { .. }) {
            self.overloaded.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn overloaded(&self) -> u64 {
        self.overloaded.load(Ordering::Relaxed)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_was_no_room_for_is_told_from_what_was_refused() {
        let meter = Meter::default();
        let refused = |reason| Err::<(), _>(CallError::not_executed(reason));
        meter.count_call(&refused(NotExecuted::Draining));
        meter.count_call(&refused(NotExecuted::overloaded("backlog")));
        meter.count_refused(&NotExecuted::overloaded("mailbox"));
        meter.count_call::<()>(&Ok(()));
        assert_eq!((meter.ended(Ending::NotExecuted), meter.overloaded()), (3, 2));
        assert_eq!(meter.ended(Ending::Ok), 1);
    }
}
