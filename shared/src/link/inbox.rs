//! The bounded way from callers on any thread to the link's task. The task takes everything at
//! once, so a busy link pays one lock for many calls, and only the first of them wakes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;

use super::close::CloseCode;
use super::message::Request;
use super::slot::CallSlot;
use crate::outcome::NotExecuted;

/// What callers and the link's owner ask of its task.
pub(crate) enum Item {
    Call(Request, Arc<CallSlot>),
    Cast(Request),
    /// The caller's future was dropped.
    Cancel(Arc<CallSlot>),
    Drain,
    Ticket(Bytes),
    Revoke(Bytes),
    Close(CloseCode, String),
}

impl Item {
    fn body_bytes(&self) -> usize {
        match self {
            Self::Call(request, _) | Self::Cast(request) => request.body.bytes.len(),
            _ => 0,
        }
    }
}

struct State {
    items: Vec<Item>,
    bytes: usize,
    waker: Option<Waker>,
}

/// Requests that the task has not taken yet.
pub(crate) struct Inbox {
    state: Mutex<State>,
    /// Changed under the lock; who only asks whether the link lives, as every call does when it
    /// chooses its instance, asks without it.
    closed: AtomicBool,
    items_max: usize,
    bytes_max: usize,
}

impl Inbox {
    pub(crate) fn new(items_max: usize, bytes_max: usize) -> Self {
        let state = State { items: Vec::new(), bytes: 0, waker: None };
        Self { state: Mutex::new(state), closed: AtomicBool::new(false), items_max, bytes_max }
    }

    /// Puts a request in.
    ///
    /// # Errors
    /// The inbox is full, or the link is gone. Nothing was sent in either case.
    pub(crate) fn push_request(&self, item: Item) -> Result<(), NotExecuted> {
        let bytes = item.body_bytes();
        let mut state = self.lock();
        if self.is_closed() {
            return Err(NotExecuted::LinkLost);
        }
        if state.items.len() >= self.items_max {
            return Err(NotExecuted::overloaded("requests queued for the link"));
        }
        // One message alone may be larger than the bound.
        if state.bytes > 0 && state.bytes + bytes > self.bytes_max {
            return Err(NotExecuted::overloaded("bytes queued for the link"));
        }
        state.bytes += bytes;
        push(state, item);
        Ok(())
    }

    /// Puts in what must not be refused: a cancel (each belongs to a request that was let in) or
    /// one of the few words of the link's owner. False when the link is gone.
    pub(crate) fn push_control(&self, item: Item) -> bool {
        let state = self.lock();
        let open = !self.is_closed();
        if open {
            push(state, item);
        }
        open
    }

    /// Moves everything into `taken`; when there is nothing, `waker` is called for the next item.
    pub(crate) fn take(&self, taken: &mut Vec<Item>, waker: &Waker) {
        let mut state = self.lock();
        if state.items.is_empty() {
            if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                state.waker = Some(waker.clone());
            }
            return;
        }
        state.bytes = 0;
        if taken.is_empty() {
            std::mem::swap(&mut state.items, taken);
        } else {
            taken.append(&mut state.items);
        }
    }

    /// Lets nothing in any more and gives back what is left.
    pub(crate) fn close(&self) -> Vec<Item> {
        let mut state = self.lock();
        self.closed.store(true, Ordering::Release);
        state.waker = None;
        std::mem::take(&mut state.items)
    }

    /// True once the link is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push(mut state: MutexGuard<'_, State>, item: Item) {
    state.items.push(item);
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::message::{Body, CommandRef};

    fn cast(bytes: usize) -> Item {
        Item::Cast(Request {
            command: CommandRef::Number(0),
            body: Body::raw(vec![0; bytes]),
            deadline: tokio::time::Instant::now(),
            trace: None,
            attempt: None,
            wants_reply: false,
        })
    }

    #[test]
    fn both_bounds_answer_at_once() {
        let inbox = Inbox::new(2, 100);
        inbox.push_request(cast(1000)).unwrap();
        let refused = inbox.push_request(cast(1)).unwrap_err();
        assert_eq!(refused, NotExecuted::overloaded("bytes queued for the link"));
        inbox.push_request(cast(0)).unwrap_err();
        let mut taken = Vec::new();
        inbox.take(&mut taken, Waker::noop());
        inbox.push_request(cast(1)).unwrap();
        inbox.push_request(cast(1)).unwrap();
        let refused = inbox.push_request(cast(1)).unwrap_err();
        assert_eq!(refused, NotExecuted::overloaded("requests queued for the link"));
        assert!(inbox.push_control(Item::Drain), "control is never refused");
    }

    #[test]
    fn a_closed_inbox_gives_back_what_is_left() {
        let inbox = Inbox::new(2, 100);
        inbox.push_request(cast(1)).unwrap();
        assert_eq!(inbox.close().len(), 1);
        assert_eq!(inbox.push_request(cast(1)).unwrap_err(), NotExecuted::LinkLost);
        assert!(!inbox.push_control(Item::Drain));
    }
}
