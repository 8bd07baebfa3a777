//! Waking those who wait inside of the worker, in the order in which they began to wait. Tokio's
//! watch channels wake in an order left to chance, which would make simulated runs unrepeatable.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Told of again and again: something has changed, look at it.
#[derive(Default)]
pub(crate) struct Changes(Notify);

impl Changes {
    /// Wakes everybody who waits.
    pub(crate) fn tell(&self) {
        self.0.notify_waiters();
    }

    /// The next change from now on, whether or not the future is polled before it.
    pub(crate) fn next(&self) -> Notified<'_> {
        self.0.notified()
    }
}

/// Told of once.
#[derive(Default)]
pub(crate) struct Stop {
    stopped: AtomicBool,
    changes: Changes,
}

impl Stop {
    /// Wakes everybody who waits, now and from now on.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.changes.tell();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Returns when it is stopped.
    pub(crate) async fn stopped(&self) {
        let told = self.changes.next();
        if !self.is_stopped() {
            told.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[tokio::test]
    async fn whoever_waits_longest_is_woken_first() {
        let (changes, order) = (Arc::new(Changes::default()), Arc::new(Mutex::new(Vec::new())));
        let waiters: Vec<_> = (0..20)
            .map(|number| {
                let (changes, order) = (changes.clone(), order.clone());
                tokio::spawn(async move {
                    changes.next().await;
                    order.lock().unwrap().push(number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        changes.tell();
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_stop_is_heard_before_and_after() {
        let stop = Stop::default();
        let waits = stop.stopped();
        assert!(!stop.is_stopped());
        stop.stop();
        waits.await;
        stop.stopped().await;
        assert!(stop.is_stopped());
    }
}
