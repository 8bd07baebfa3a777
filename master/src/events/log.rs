//! The history, shared: the registry's actor writes, the HTTP side reads and waits.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshwork_shared::clock::Clock;
use tokio::sync::watch;

use super::{EventKind, EventPage, HISTORY_EVENTS_MAX, History};

/// The history and the bell for those who wait for what comes.
#[derive(Debug)]
pub(crate) struct EventLog {
    history: Mutex<History>,
    /// Number of the newest event.
    last: watch::Sender<u64>,
    clock: Clock,
}

impl EventLog {
    pub(crate) fn new(epoch: u64, clock: Clock) -> Self {
        let history = Mutex::new(History::new(epoch, HISTORY_EVENTS_MAX));
        Self { history, last: watch::Sender::new(0), clock }
    }

    /// Adds what has just happened, and wakes who waits for it.
    pub(crate) fn push(&self, what: EventKind) {
        let number = self.lock().push(what, self.clock.unix_ms());
        self.last.send_replace(number);
    }

    /// The events behind `after`; see [`History::page`].
    pub(crate) fn page(&self, epoch: Option<u64>, after: u64, limit: usize) -> EventPage {
        self.lock().page(epoch, after, limit)
    }

    /// Tells the number of the newest event, now and whenever there is a newer one.
    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// As [`EventLog::page`]; one that would be empty is waited for, at most `within`.
    pub(crate) async fn page_within(
        &self,
        epoch: Option<u64>,
        after: u64,
        limit: usize,
        within: Duration,
    ) -> EventPage {
        // Before the look: what comes in between must wake us.
        let mut newest = self.newest();
        let page = self.page(epoch, after, limit);
        if !page.events.is_empty() || page.epoch_changed || within.is_zero() {
            return page;
        }
        // Over in time or not, whatever is there by then is the answer.
        let _ = tokio::time::timeout(within, newest.wait_for(|last| *last > after)).await;
        self.page(epoch, after, limit)
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        // Each change leaves it whole.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
