//! Where a caller waits for its answer: one allocation per call, filled by the link's task.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::message::Body;
use crate::ids::CallId;
use crate::outcome::CallError;

enum State {
    Waiting(Option<Waker>),
    Done(Result<Body, CallError>),
    Taken,
}

/// One waiting caller.
pub struct CallSlot {
    /// The call's number once the link's task has given it one; 0 before.
    id: AtomicU64,
    state: Mutex<State>,
}

impl CallSlot {
    pub(crate) fn new() -> Self {
        Self { id: AtomicU64::new(0), state: Mutex::new(State::Waiting(None)) }
    }

    pub(crate) fn set_id(&self, id: CallId) {
        self.id.store(id.0, Ordering::Relaxed);
    }

    pub(crate) fn id(&self) -> Option<CallId> {
        match self.id.load(Ordering::Relaxed) {
            0 => None,
            id => Some(CallId(id)),
        }
    }

    /// Fills the slot and wakes the caller. A second answer changes nothing.
    pub(crate) fn complete(&self, result: Result<Body, CallError>) {
        let waker = {
            let mut state = self.lock();
            match &mut *state {
                State::Waiting(waker) => {
                    let waker = waker.take();
                    *state = State::Done(result);
                    waker
                }
                State::Done(_) | State::Taken => None,
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Body, CallError>> {
        let mut state = self.lock();
        match &mut *state {
            State::Waiting(waker) => {
                if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                    *waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            State::Done(_) => match std::mem::replace(&mut *state, State::Taken) {
                State::Done(result) => Poll::Ready(result),
                State::Waiting(_) | State::Taken => Poll::Pending,
            },
            State::Taken => Poll::Pending,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing under this lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
