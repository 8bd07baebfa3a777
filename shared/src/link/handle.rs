//! What callers hold of a link: cheap to clone, usable from any thread.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::close::CloseCode;
use super::inbox::{Inbox, Item};
use super::lanes::Lane;
use super::message::{Body, Request};
use super::replies::ReplyKey;
use super::writer::Writer;
use crate::limits::Limits;
use crate::outcome::{CallError, NotExecuted};

pub(crate) struct Shared {
    pub(crate) inbox: Inbox,
    pub(crate) peer_draining: AtomicBool,
    pub(crate) drain_seen: AtomicBool,
    /// Messages that would be cut off if the link ended now, and one more while bytes wait to be
    /// written, as of the task's last turn.
    pub(crate) unfinished: AtomicUsize,
    pub(crate) writer: Mutex<Writer>,
    made_at: Instant,
    /// When the task began its last turn, nanoseconds after it was made.
    turned_ns: AtomicU64,
    /// Of the last PING there and back, microseconds; 0 before the first answer.
    round_trip_us: AtomicU64,
    lane: Option<Lane>,
    message_bytes_max: usize,
}

/// A link, as callers see it.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

impl Link {
    pub(crate) fn new(limits: &Limits, writer: Writer, lane: Option<Lane>) -> Self {
        Self {
            shared: Arc::new(Shared {
                inbox: Inbox::new(limits),
                peer_draining: AtomicBool::new(false),
                drain_seen: AtomicBool::new(false),
                unfinished: AtomicUsize::new(0),
                writer: Mutex::new(writer),
                made_at: Instant::now(),
                turned_ns: AtomicU64::new(0),
                round_trip_us: AtomicU64::new(0),
                lane,
                message_bytes_max: limits.message_bytes_max,
            }),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Hands a call to the link. The returned future is the answer; dropping it withdraws the call.
    ///
    /// # Errors
    /// Nothing was sent: the link is gone, one of its bounds is full, or the message is too large.
    pub fn call(&self, request: Request) -> Result<PendingReply, NotExecuted> {
        self.hand_over(request, None)
    }

    /// As [`Link::call`], for a future that is being polled: it counts as having polled the answer,
    /// which is never here at once.
    ///
    /// # Errors
    /// As [`Link::call`].
    pub fn call_polled(
        &self,
        request: Request,
        cx: &Context<'_>,
    ) -> Result<PendingReply, NotExecuted> {
        self.hand_over(request, Some(cx.waker()))
    }

    fn hand_over(
        &self,
        request: Request,
        waker: Option<&Waker>,
    ) -> Result<PendingReply, NotExecuted> {
        debug_assert!(request.wants_reply);
        self.check_size(&request)?;
        let key = self.shared.inbox.push_call(request, waker)?;
        Ok(PendingReply { shared: self.shared.clone(), key, done: false })
    }

    /// Hands a cast to the link. `Ok` means that, and no more.
    ///
    /// # Errors
    /// As [`Link::call`].
    pub fn cast(&self, request: Request) -> Result<(), NotExecuted> {
        debug_assert!(!request.wants_reply);
        self.check_size(&request)?;
        self.shared.inbox.push_cast(request)
    }

    fn check_size(&self, request: &Request) -> Result<(), NotExecuted> {
        let (bytes, limit) = (request.body.bytes.len(), self.shared.message_bytes_max);
        if bytes > limit {
            return Err(NotExecuted::TooLarge { bytes: bytes as u64, limit: limit as u64 });
        }
        Ok(())
    }

    /// From now on new calls of the peer are refused, and the peer is told. Running ones finish.
    pub fn drain(&self) {
        self.shared.inbox.push_control(Item::Drain);
    }

    /// Pushes a fresh ticket to the peer.
    pub fn send_ticket(&self, ticket: Bytes) {
        self.shared.inbox.push_control(Item::Ticket(ticket));
    }

    /// Passes a signed list of revoked tickets on to the peer.
    pub fn send_revoke(&self, list: Bytes) {
        self.shared.inbox.push_control(Item::Revoke(list));
    }

    /// Closes the link with a last word to the peer. Calls in flight end as they would on a loss.
    pub fn close(&self, code: CloseCode, text: impl Into<String>) {
        self.shared.inbox.push_control(Item::Close(code, text.into()));
    }

    /// Calls of ours handed in and not yet over.
    pub fn in_flight(&self) -> usize {
        self.shared.inbox.in_flight()
    }

    /// How long a PING took there and back when that was last measured: while the link is silent
    /// every few seconds, else about every 15 s. `None` before the first answer.
    pub fn round_trip(&self) -> Option<Duration> {
        let us = self.shared.round_trip_us.load(Ordering::Relaxed);
        (us > 0).then(|| Duration::from_micros(us))
    }

    /// Bytes that wait to be taken into the link or to be written to its socket.
    pub fn queued_bytes(&self) -> usize {
        self.shared.inbox.queued_bytes() + self.shared.lock_writer().queued_bytes()
    }

    /// True once the peer knows that this end drains, and every call that it made before has come
    /// in: closing the link then loses none.
    pub fn is_drain_seen(&self) -> bool {
        self.shared.drain_seen.load(Ordering::Acquire)
    }

    /// True when neither end waits for an answer of the other, no message is half sent, and all
    /// that this end has said is with the socket.
    pub fn is_idle(&self) -> bool {
        self.in_flight() == 0 && self.shared.unfinished.load(Ordering::Relaxed) == 0
    }

    /// False once the link is over.
    pub fn is_open(&self) -> bool {
        !self.shared.inbox.is_closed()
    }

    /// True once the peer has said that it takes no new calls.
    pub fn is_peer_draining(&self) -> bool {
        self.shared.peer_draining.load(Ordering::Relaxed)
    }

    /// Tells the peer that this process lives if the lane of this link is held up by a handler that
    /// computes in place. To be called every [`vouch_every`](super::lanes::vouch_every) from a
    /// thread that is no lane.
    pub fn vouch_if_held_up(&self, now: Instant) {
        if self.is_open() && self.shared.lane.as_ref().is_some_and(|lane| lane.is_held_up(now)) {
            self.shared.lock_writer().vouch(now);
        }
    }
}

impl Shared {
    /// The task begins a turn.
    pub(crate) fn turns(&self, now: Instant) {
        let ns = now.saturating_duration_since(self.made_at).as_nanos() as u64;
        self.turned_ns.store(ns, Ordering::Relaxed);
    }

    pub(crate) fn set_round_trip(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.round_trip_us.store(us.max(1), Ordering::Relaxed);
    }

    pub(crate) fn lock_writer(&self) -> std::sync::MutexGuard<'_, Writer> {
        // A panic while sealing leaves the counter past the frame: the link stays consistent.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link(open: {}, in flight: {})", self.is_open(), self.in_flight())
    }
}

/// The answer of a call, once it comes. Dropping it withdraws the call.
#[must_use = "dropping the answer withdraws the call"]
pub struct PendingReply {
    shared: Arc<Shared>,
    key: ReplyKey,
    /// The answer was taken, and the key is another's by now.
    done: bool,
}

impl PendingReply {
    /// About when the answer came, once it has: when the link's task began the turn in which it
    /// was read, some microseconds before. Costs no look at the clock.
    pub fn answered_at(&self) -> Instant {
        self.shared.made_at + Duration::from_nanos(self.shared.turned_ns.load(Ordering::Relaxed))
    }
}

impl Future for PendingReply {
    type Output = Result<Body, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.done {
            return Poll::Pending;
        }
        let result = self.shared.inbox.poll_reply(self.key, cx);
        self.done = result.is_ready();
        result
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        if !self.done {
            self.shared.inbox.leave(self.key);
        }
    }
}
