//! Who was first: a caller that gives up, or the task that sends what it asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Not decided yet.
const OPEN: u8 = 0;
/// The items are sent, or about to be.
const SENT: u8 = 1;
/// The caller is gone: they never are.
const GIVEN_UP: u8 = 2;

/// Whether the items of a caller are sent.
#[derive(Clone)]
pub(super) struct Gate(Arc<AtomicU8>);

impl Gate {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(OPEN)))
    }

    /// Whether they may be sent: the caller has not given up, and cannot any more.
    pub(super) fn send(&self) -> bool {
        self.0.compare_exchange(OPEN, SENT, Ordering::AcqRel, Ordering::Acquire) != Err(GIVEN_UP)
    }

    /// Whether they were not sent, and never are.
    pub(super) fn give_up(&self) -> bool {
        self.0.compare_exchange(OPEN, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire) != Err(SENT)
    }
}
