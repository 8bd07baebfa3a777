//! The bounded way from callers on any thread to the link's task. The task takes everything at
//! once, so a busy link pays one lock for many calls, and only the first of them wakes it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::close::CloseCode;
use super::message::Request;
use super::replies::{Outcome, Replies, ReplyKey};
use crate::limits::Limits;
use crate::outcome::NotExecuted;

/// Answers handed over under one lock, so that callers on other threads never wait long for it.
const ANSWERS_AT_ONCE: usize = 64;

/// What callers and the link's owner ask of its task.
pub(crate) enum Item {
    Call(Request, ReplyKey),
    Cast(Request),
    /// The caller's future was dropped.
    Cancel(ReplyKey),
    Drain,
    Ticket(Bytes),
    Revoke(Bytes),
    Close(CloseCode, String),
}

impl Item {
    /// The request in it, if it is one.
    pub(crate) fn request(&self) -> Option<&Request> {
        match self {
            Self::Call(request, _) | Self::Cast(request) => Some(request),
            _ => None,
        }
    }

    /// True for the words that do not wait until the socket has taken what was handed in before:
    /// how slowly the peer reads is not for it to choose how long it keeps the link.
    pub(crate) fn is_urgent(&self) -> bool {
        matches!(self, Self::Drain | Self::Close(..))
    }

    /// Bytes that it is counted with.
    pub(crate) fn bytes(&self) -> usize {
        self.request().map_or(0, |request| request.body.bytes.len())
    }
}

struct State {
    items: Vec<Item>,
    bytes: usize,
    waker: Option<Waker>,
    replies: Replies,
}

/// Requests that the task has not taken yet, and everybody who waits for an answer. Its bounds hold
/// for these requests and for those that the task has taken and not written: the socket, or the
/// peer, may take none.
pub(crate) struct Inbox {
    state: Mutex<State>,
    /// Changed under the lock; who only asks whether the link lives, as every call does when it
    /// chooses its instance, asks without it. So it is with `in_flight`.
    closed: AtomicBool,
    in_flight: AtomicUsize,
    /// Bytes and number of the requests that the task has taken and not written; it alone changes
    /// them.
    beyond_bytes: AtomicUsize,
    beyond_items: AtomicUsize,
    items_max: usize,
    bytes_max: usize,
}

impl Inbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        let replies = Replies::default();
        let state = State { items: Vec::new(), bytes: 0, waker: None, replies };
        Self {
            state: Mutex::new(state),
            closed: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            beyond_bytes: AtomicUsize::new(0),
            beyond_items: AtomicUsize::new(0),
            items_max: limits.calls_in_flight_max,
            bytes_max: limits.queued_bytes_max,
        }
    }

    /// Puts a call in. With `waker` its caller counts as polled.
    ///
    /// # Errors
    /// A bound is full, or the link is gone. Nothing was sent in either case.
    pub(crate) fn push_call(
        &self,
        request: Request,
        waker: Option<&Waker>,
    ) -> Result<ReplyKey, NotExecuted> {
        let mut state = self.lock();
        self.admit(&mut state, &request)?;
        let key = state.replies.open(waker.cloned());
        self.in_flight.store(state.replies.in_flight(), Ordering::Relaxed);
        push(state, Item::Call(request, key));
        Ok(key)
    }

    /// Puts a cast in.
    ///
    /// # Errors
    /// As [`Inbox::push_call`].
    pub(crate) fn push_cast(&self, request: Request) -> Result<(), NotExecuted> {
        let mut state = self.lock();
        self.admit(&mut state, &request)?;
        push(state, Item::Cast(request));
        Ok(())
    }

    fn admit(&self, state: &mut State, request: &Request) -> Result<(), NotExecuted> {
        let bytes = request.body.bytes.len();
        if self.is_closed() {
            return Err(NotExecuted::LinkLost);
        }
        if request.wants_reply && state.replies.in_flight() >= self.items_max {
            return Err(NotExecuted::overloaded("calls in flight on the link"));
        }
        let items = state.items.len() + self.beyond_items.load(Ordering::Relaxed);
        if items >= self.items_max {
            return Err(NotExecuted::overloaded("requests queued for the link"));
        }
        // One message alone may be larger than the bound.
        let queued = state.bytes + self.beyond_bytes.load(Ordering::Relaxed);
        if queued > 0 && queued + bytes > self.bytes_max {
            return Err(NotExecuted::overloaded("bytes queued for the link"));
        }
        state.bytes += bytes;
        Ok(())
    }

    /// Puts in one of the few words of the link's owner, which must not be refused. False when the
    /// link is gone.
    pub(crate) fn push_control(&self, item: Item) -> bool {
        let state = self.lock();
        let open = !self.is_closed();
        if open {
            push(state, item);
        }
        open
    }

    /// The caller's answer, once it is here.
    pub(crate) fn poll_reply(&self, key: ReplyKey, cx: &mut Context<'_>) -> Poll<Outcome> {
        self.lock().replies.poll(key, cx)
    }

    /// A caller no longer wants its answer. Never refused: its request was let in.
    pub(crate) fn leave(&self, key: ReplyKey) {
        let mut state = self.lock();
        if !state.replies.leave(key) {
            return;
        }
        if self.is_closed() {
            state.replies.free(key);
            self.in_flight.store(state.replies.in_flight(), Ordering::Relaxed);
        } else {
            push(state, Item::Cancel(key));
        }
    }

    /// The task knows that a caller left and has forgotten its call.
    pub(crate) fn free(&self, key: ReplyKey) {
        let mut state = self.lock();
        state.replies.free(key);
        self.in_flight.store(state.replies.in_flight(), Ordering::Relaxed);
    }

    /// Hands answers to their callers, and wakes them in that order.
    pub(crate) fn answer(&self, answers: &mut Vec<(ReplyKey, Outcome)>, wakers: &mut Vec<Waker>) {
        let mut answers = answers.drain(..);
        while answers.len() > 0 {
            let mut state = self.lock();
            for (key, outcome) in answers.by_ref().take(ANSWERS_AT_ONCE) {
                wakers.extend(state.replies.complete(key, outcome));
            }
            self.in_flight.store(state.replies.in_flight(), Ordering::Relaxed);
            drop(state);
            wakers.drain(..).for_each(Waker::wake);
        }
    }

    /// Calls handed in and not yet over.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Bytes of requests that the task has not taken yet.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.lock().bytes
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
        // Until the task says how far it came.
        self.beyond_bytes.fetch_add(std::mem::take(&mut state.bytes), Ordering::Relaxed);
        self.beyond_items.fetch_add(state.items.len(), Ordering::Relaxed);
        if taken.is_empty() {
            std::mem::swap(&mut state.items, taken);
        } else {
            taken.append(&mut state.items);
        }
    }

    /// The task says how much of what it took is not written: it counts as if it were still here.
    pub(crate) fn note_beyond(&self, bytes: usize, items: usize) {
        self.beyond_bytes.store(bytes, Ordering::Relaxed);
        self.beyond_items.store(items, Ordering::Relaxed);
    }

    /// Gives memory back while nothing is here.
    pub(crate) fn release(&self) {
        let mut state = self.lock();
        state.replies.release();
        if state.items.is_empty() {
            state.items = Vec::new();
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

    fn cast(bytes: usize) -> Request {
        Request {
            command: CommandRef::Number(0),
            body: Body::raw(vec![0; bytes]),
            deadline: tokio::time::Instant::now(),
            trace: None,
            attempt: None,
            wants_reply: false,
        }
    }

    fn small() -> Inbox {
        let limits = Limits { calls_in_flight_max: 2, queued_bytes_max: 100, ..Limits::default() };
        Inbox::new(&limits)
    }

    #[test]
    fn both_bounds_answer_at_once() {
        let inbox = small();
        inbox.push_cast(cast(1000)).unwrap();
        let refused = inbox.push_cast(cast(1)).unwrap_err();
        assert_eq!(refused, NotExecuted::overloaded("bytes queued for the link"));
        inbox.push_cast(cast(0)).unwrap_err();
        let mut taken = Vec::new();
        inbox.take(&mut taken, Waker::noop());
        inbox.push_cast(cast(1)).unwrap_err();
        inbox.note_beyond(100, 1);
        let refused = inbox.push_cast(cast(1)).unwrap_err();
        assert_eq!(refused, NotExecuted::overloaded("bytes queued for the link"), "none written");
        inbox.note_beyond(98, 1);
        inbox.push_cast(cast(1)).unwrap();
        let refused = inbox.push_cast(cast(1)).unwrap_err();
        assert_eq!(refused, NotExecuted::overloaded("requests queued for the link"));
        inbox.note_beyond(0, 0);
        inbox.push_cast(cast(1)).unwrap();
        let refused = inbox.push_cast(cast(1)).unwrap_err();
        assert_eq!(refused, NotExecuted::overloaded("requests queued for the link"));
        assert!(inbox.push_control(Item::Drain), "control is never refused");
    }

    #[test]
    fn a_closed_inbox_gives_back_what_is_left() {
        let inbox = small();
        inbox.push_cast(cast(1)).unwrap();
        assert_eq!(inbox.close().len(), 1);
        assert_eq!(inbox.push_cast(cast(1)).unwrap_err(), NotExecuted::LinkLost);
        assert!(!inbox.push_control(Item::Drain));
    }

    #[test]
    fn calls_in_flight_are_bounded_until_they_are_over() {
        let inbox = small();
        let call = || inbox.push_call(Request { wants_reply: true, ..cast(0) }, None);
        let [first, second] = [call().unwrap(), call().unwrap()];
        let mut taken = Vec::new();
        inbox.take(&mut taken, Waker::noop());
        inbox.note_beyond(0, 0);
        let refused = call().unwrap_err();
        assert_eq!(refused, NotExecuted::overloaded("calls in flight on the link"));
        inbox.leave(first);
        assert_eq!((inbox.in_flight(), call().is_err()), (2, true), "it is still under way");
        inbox.free(first);
        inbox.answer(&mut vec![(second, Ok(Body::empty()))], &mut Vec::new());
        assert_eq!(inbox.in_flight(), 0);
        assert!(call().is_ok());
    }
}
