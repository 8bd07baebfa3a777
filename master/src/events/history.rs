//! The last events, and what one who resumes has missed. Pure.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::EventKind;

/// Events that are kept; the oldest is forgotten.
pub const HISTORY_EVENTS_MAX: usize = 4096;

/// Events of one page; the next are had by resuming behind its `next`.
pub const PAGE_EVENTS_MAX: usize = 500;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number in the master's epoch, from 1, without gaps.
    pub number: u64,
    /// When the master learnt of it, unix milliseconds.
    pub at_unix_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: EventKind,
}

/// Events behind a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    /// Which life of the master numbered them.
    pub epoch: u64,
    /// Whether that is another one than was asked for: numbers begin anew, and what happened
    /// between the two is not known.
    pub epoch_changed: bool,
    /// Events behind the number asked for that are forgotten already.
    pub lost: u64,
    /// The number to resume behind.
    pub next: u64,
    /// The newest number there is; more than `next` if the page is full.
    pub last: u64,
    /// The events, oldest first, at most [`PAGE_EVENTS_MAX`].
    pub events: Vec<Event>,
}

/// The last events of one epoch.
#[derive(Debug)]
pub struct History {
    epoch: u64,
    events: VecDeque<Event>,
    /// Number of the newest event, 0 before the first.
    last: u64,
    max: usize,
}

impl History {
    /// A history of this epoch without any event, which keeps the last `max`.
    pub fn new(epoch: u64, max: usize) -> Self {
        Self { epoch, events: VecDeque::new(), last: 0, max: max.max(1) }
    }

    /// Adds what has just happened; answers its number.
    pub fn push(&mut self, what: EventKind, at_unix_ms: u64) -> u64 {
        self.last += 1;
        if self.events.len() == self.max {
            self.events.pop_front();
        }
        self.events.push_back(Event { number: self.last, at_unix_ms, what });
        self.last
    }

    /// Number of the newest event, 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Which life of the master this is.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Where one goes on who had seen all up to `after` in `epoch`, or in some epoch: the number to
    /// go on behind, and whether the epoch is another one.
    fn resume(&self, epoch: Option<u64>, after: u64) -> (u64, bool) {
        // A number that was never given here is one of a life before.
        let changed = epoch.is_some_and(|epoch| epoch != self.epoch) || after > self.last;
        if changed { (0, true) } else { (after, false) }
    }

    /// The events behind number `after` of `epoch`, at most `limit` of them. Without an epoch it
    /// is taken for this one, unless there is no such number yet.
    pub fn page(&self, epoch: Option<u64>, after: u64, limit: usize) -> EventPage {
        let (after, epoch_changed) = self.resume(epoch, after);
        let forgotten = self.last - self.events.len() as u64;
        let skipped = usize::try_from(after.saturating_sub(forgotten)).unwrap_or(usize::MAX);
        let limit = limit.clamp(1, PAGE_EVENTS_MAX);
        let events: Vec<_> = self.events.iter().skip(skipped).take(limit).cloned().collect();
        EventPage {
            epoch: self.epoch,
            epoch_changed,
            lost: forgotten.saturating_sub(after),
            next: events.last().map_or(after.max(forgotten), |event| event.number),
            last: self.last,
            events,
        }
    }
}
