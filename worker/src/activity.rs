//! How many handlers and jobs run in this process, so that a drain knows when it is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts what runs.
#[derive(Clone, Default)]
pub(crate) struct Activity {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    running: AtomicUsize,
    /// Drains that wait; while there is none, nobody is told when nothing runs.
    waiting: AtomicUsize,
    idle: Notify,
}

/// One running handler or job; over when dropped.
pub(crate) struct Running {
    state: Arc<State>,
}

impl Activity {
    /// Something starts.
    pub(crate) fn begin(&self) -> Running {
        self.state.running.fetch_add(1, Ordering::Relaxed);
        Running { state: self.state.clone() }
    }

    /// Waits until nothing runs.
    pub(crate) async fn idle(&self) {
        // Before the look at what runs, as whoever ends looks here after it is counted: one of the
        // two sees the other.
        self.state.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.state);
        loop {
            let idle = self.state.idle.notified();
            if self.state.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// What runs now.
    pub(crate) fn running(&self) -> usize {
        self.state.running.load(Ordering::Relaxed)
    }
}

struct Waiting<'a>(&'a State);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let was_last = self.state.running.fetch_sub(1, Ordering::SeqCst) == 1;
        if was_last && self.state.waiting.load(Ordering::SeqCst) > 0 {
            self.state.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_hears_of_the_last_one_and_not_before() {
        let activity = Activity::default();
        let [first, second] = [activity.begin(), activity.begin()];
        let drain = tokio::spawn({
            let activity = activity.clone();
            async move { activity.idle().await }
        });
        drop(first);
        tokio::task::yield_now().await;
        assert!(!drain.is_finished());
        drop(second);
        drain.await.unwrap();
        activity.idle().await;
    }
}
