//! Calls that wait for their answer: a slab, because a link answers millions of them.

use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;

use crate::ids::CallId;

/// Bits of a call id that say where in the slab the call stands; the rest is a sequence number, so
/// that a late answer never meets a younger call.
pub(crate) const SLOT_BITS: u32 = 20;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

/// How far a call may outlive its deadline: sweeps are at least this far apart.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// One waiting call.
pub(crate) struct PendingCall<T> {
    pub(crate) id: CallId,
    /// Whoever is to be told.
    pub(crate) token: T,
    pub(crate) deadline: Instant,
    /// Sequence of the frame that completes the request; `None` while a part of it is still here.
    pub(crate) sent_in: Option<u64>,
}

/// All waiting calls of a link.
pub(crate) struct PendingCalls<T> {
    slots: Slab<PendingCall<T>>,
    sequence: u64,
    /// No deadline lies before this; `None` when nothing waits. Lower than the truth at times, so a
    /// sweep may find nothing.
    earliest: Option<Instant>,
}

impl<T> PendingCalls<T> {
    pub(crate) fn new() -> Self {
        Self { slots: Slab::new(), sequence: 0, earliest: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Gives a call its number. The caller keeps `len` within the bound of calls in flight, which
    /// is far below the 2^20 slots a call id can name.
    pub(crate) fn insert(&mut self, token: T, deadline: Instant) -> CallId {
        self.sequence += 1;
        let entry = self.slots.vacant_entry();
        let id = CallId(self.sequence << SLOT_BITS | (entry.key() as u64 & SLOT_MASK));
        entry.insert(PendingCall { id, token, deadline, sent_in: None });
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        id
    }

    /// A number for a request that waits for nothing.
    pub(crate) fn next_id(&mut self) -> CallId {
        self.sequence += 1;
        CallId(self.sequence << SLOT_BITS | SLOT_MASK)
    }

    pub(crate) fn entry(&mut self, id: CallId) -> Option<&mut PendingCall<T>> {
        self.slots.get_mut((id.0 & SLOT_MASK) as usize).filter(|call| call.id == id)
    }

    pub(crate) fn remove(&mut self, id: CallId) -> Option<PendingCall<T>> {
        self.entry(id)?;
        self.slots.try_remove((id.0 & SLOT_MASK) as usize)
    }

    /// When the next sweep is due.
    pub(crate) fn next_sweep(&self) -> Option<Instant> {
        if self.slots.is_empty() { None } else { self.earliest }
    }

    /// Removes the calls whose deadline has passed.
    pub(crate) fn sweep(&mut self, now: Instant) -> Vec<PendingCall<T>> {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return Vec::new();
        }
        let mut due = Vec::new();
        let mut earliest: Option<Instant> = None;
        for (key, call) in &self.slots {
            if call.deadline <= now {
                due.push(key);
            } else {
                earliest = Some(earliest.map_or(call.deadline, |known| known.min(call.deadline)));
            }
        }
        // With many calls in flight, deadlines are a few microseconds apart: one sweep per tick.
        self.earliest = earliest.map(|at| at.max(now + TICK));
        due.into_iter().filter_map(|key| self.slots.try_remove(key)).collect()
    }

    /// Removes everything: the link ends.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = PendingCall<T>> {
        self.earliest = None;
        std::mem::take(&mut self.slots).into_iter().map(|(_, call)| call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_never_meets_a_younger_call() {
        let now = Instant::now();
        let mut calls = PendingCalls::new();
        let first = calls.insert("first", now);
        assert_eq!(calls.remove(first).map(|call| call.token), Some("first"));
        let second = calls.insert("second", now);
        assert_eq!(first.0 & SLOT_MASK, second.0 & SLOT_MASK, "the slot is used again");
        assert!(calls.remove(first).is_none());
        assert_eq!(calls.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_takes_what_is_due_and_knows_the_next() {
        let now = Instant::now();
        let after = |ms| now + Duration::from_millis(ms);
        let mut calls = PendingCalls::new();
        calls.insert(1, after(10));
        calls.insert(2, after(100));
        calls.insert(3, after(10));
        assert_eq!(calls.next_sweep(), Some(after(10)));
        assert!(calls.sweep(after(9)).is_empty());
        assert_eq!(calls.sweep(after(10)).len(), 2);
        assert_eq!(calls.next_sweep(), Some(after(100)));
        assert_eq!(calls.sweep(after(100)).len(), 1);
        assert_eq!(calls.next_sweep(), None);
    }
}
