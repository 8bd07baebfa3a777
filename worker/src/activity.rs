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
    idle: Notify,
}

/// One running handler; over when dropped.
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
        loop {
            let idle = self.state.idle.notified();
            if self.state.running.load(Ordering::Acquire) == 0 {
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

impl Drop for Running {
    fn drop(&mut self) {
        if self.state.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.state.idle.notify_waiters();
        }
    }
}
