//! How many calls of one command run at once, and how many may wait for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use meshwork_shared::outcome::NotExecuted;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::metrics::meter::Meter;

/// A call that waits is refused this part of its time before its deadline, so that the refusal
/// reaches the caller while it still listens.
const EARLY_PART: u32 = 8;

/// Never earlier than this.
const EARLY_MAX: Duration = Duration::from_millis(100);

/// The slots of one command, shared by all links.
pub(crate) struct Slots {
    free: Semaphore,
    total: usize,
    waiting: AtomicUsize,
    backlog: usize,
    meter: Arc<Meter>,
}

/// One slot, given back when dropped.
pub(crate) struct Slot {
    slots: Arc<Slots>,
}

/// One place in the backlog, given back when dropped.
pub(crate) struct Place {
    slots: Arc<Slots>,
}

impl Slots {
    pub(crate) fn new(concurrency: usize, backlog: usize) -> Self {
        let total = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let (free, waiting) = (Semaphore::new(total), AtomicUsize::new(0));
        Self { free, total, waiting, backlog, meter: Arc::default() }
    }

    /// Goes on counting where others have begun.
    pub(crate) fn with_meter(self, meter: Arc<Meter>) -> Self {
        Self { meter, ..self }
    }

    /// What is counted of the command.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// A slot, if one is free and nobody waits for it.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        self.free.try_acquire().ok()?.forget();
        Some(Slot { slots: self.clone() })
    }

    /// Slots that are free now.
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// Calls that have a slot, or wait for one.
    pub(crate) fn taken(&self) -> usize {
        self.total.saturating_sub(self.free()) + self.waiting.load(Ordering::Relaxed)
    }

    /// Slots in all.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Waits for a slot, however long: for jobs, which have their place in a queue.
    pub(crate) async fn wait(self: &Arc<Self>) -> Slot {
        if let Ok(permit) = self.free.acquire().await {
            permit.forget();
        }
        // The semaphore is never closed.
        Slot { slots: self.clone() }
    }

    /// A place in the backlog.
    ///
    /// # Errors
    /// The backlog is full.
    pub(crate) fn queue(self: &Arc<Self>) -> Result<Place, NotExecuted> {
        let place = Place { slots: self.clone() };
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.backlog {
            return Err(NotExecuted::overloaded("the command's backlog"));
        }
        Ok(place)
    }
}

impl Slot {
    /// What is counted of the command.
    pub(crate) fn meter(&self) -> &Meter {
        &self.slots.meter
    }
}

impl Place {
    /// Waits for a slot, in order of arrival.
    ///
    /// # Errors
    /// The deadline is (nearly) over.
    pub(crate) async fn slot(self, deadline: Instant) -> Result<Slot, NotExecuted> {
        let left = deadline.saturating_duration_since(Instant::now());
        let until = deadline - (left / EARLY_PART).min(EARLY_MAX);
        let slot = timeout_at(until, self.slots.wait()).await;
        slot.map_err(|_| NotExecuted::Deadline)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.free.add_permits(1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.slots.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_backlog_waits_in_order_and_has_an_end() {
        let slots = Arc::new(Slots::new(1, 1));
        let running = slots.try_take().unwrap();
        assert!(slots.try_take().is_none());
        let place = slots.queue().unwrap();
        assert!(matches!(slots.queue(), Err(NotExecuted::Overloaded { .. })));
        let deadline = Instant::now() + Duration::from_secs(1);
        let waits = tokio::spawn(place.slot(deadline));
        tokio::task::yield_now().await;
        drop(running);
        assert!(waits.await.unwrap().is_ok());
        assert!(slots.queue().is_ok(), "its place was given back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_too_long_hears_of_it_in_time() {
        let slots = Arc::new(Slots::new(1, 8));
        let _running = slots.try_take().unwrap();
        let started = Instant::now();
        let deadline = started + Duration::from_secs(10);
        let refused = slots.queue().unwrap().slot(deadline).await;
        assert_eq!(refused.err(), Some(NotExecuted::Deadline));
        let waited = started.elapsed();
        assert!(waited < Duration::from_secs(10) && waited >= Duration::from_millis(9890));
    }
}
