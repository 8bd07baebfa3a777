//! The task that owns a link: it alone reads the socket and drives the core. Whoever makes the link
//! spawns it; it ends with the link, after telling the service.
//!
//! One turn of its loop: handlers that are done, new calls, seal and write, read and dispatch,
//! until nothing moves. What is ready together is sealed and written together; nothing waits on a
//! timer to be batched.

mod answers;
mod dispatch;
mod serving;
mod write;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, Sleep};

use super::close::{CloseCode, LinkEnd};
use super::core::{Event, LinkCore};
use super::handle::{Link, Shared};
use super::inbox::Item;
use super::lanes::Lane;
use super::large::Role;
use super::replies::{Outcome, ReplyKey};
use super::running::Running;
use super::service::{Notice, Service};
use super::writer::Writer;
use crate::aead::AeadKey;
use crate::frame::{Opener, Sealer};
use crate::ids::CallId;
use crate::limits::Limits;
use crate::net::{ReadHalf, Stream};

/// Turns of the loop before other tasks of the thread get theirs.
const TURNS_MAX: u32 = 32;

/// Bytes asked of the socket at first; grows while reads fill it.
const READ_BYTES_MIN: usize = 4 << 10;

/// Bytes asked of the socket at most.
const READ_BYTES_MAX: usize = 256 << 10;

/// How long a closing link may take to hand its last bytes to the socket.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the handshake left behind: everything a link starts from.
#[derive(Debug)]
pub struct Established {
    /// The socket.
    pub stream: Stream,
    /// Key of what this end sends.
    pub send_key: AeadKey,
    /// Key of what this end receives.
    pub receive_key: AeadKey,
    /// Bytes that came behind the handshake.
    pub leftover: BytesMut,
    /// Largest frame that the peer takes, bytes.
    pub peer_frame_bytes_max: usize,
}

/// How the link is going to end, while its last words are written.
struct Closing {
    end: LinkEnd,
    until: Instant,
}

/// The task of a link.
pub struct LinkTask<S> {
    core: LinkCore<ReplyKey>,
    shared: Arc<Shared>,
    service: Arc<S>,
    read: ReadHalf,
    opener: Opener,
    buffer: BytesMut,
    read_bytes: usize,
    last_read: Instant,
    running: Running,
    /// Taken from the inbox and not yet in a frame: the socket is behind.
    held: VecDeque<Item>,
    /// Bytes of requests in it.
    held_bytes: usize,
    taken: Vec<Item>,
    /// The frame that is being worked off, in pieces.
    frame: Option<Bytes>,
    /// What the timer brings.
    events: Vec<Event<ReplyKey>>,
    /// Not yet handed to their callers.
    answers: Vec<(ReplyKey, Outcome)>,
    wakers: Vec<Waker>,
    /// Answers handed out since other tasks of the thread got their turn.
    answered: usize,
    /// A handler held the lane up: each is timed from then on.
    watches: bool,
    /// The call of each place in the inbox, as it was last used.
    ids: Vec<CallId>,
    timer: Pin<Box<Sleep>>,
    limits: Limits,
    closing: Option<Closing>,
    over: bool,
}

/// Makes a link from an established connection. The task must be spawned (on `lane`, if there is
/// one) for anything to happen.
pub fn link<S: Service>(
    established: Established,
    service: Arc<S>,
    limits: &Limits,
    lane: Option<Lane>,
) -> (Link, LinkTask<S>) {
    let Established { stream, send_key, receive_key, leftover, peer_frame_bytes_max } = established;
    let now = Instant::now();
    let (read, write) = stream.into_split();
    let link = Link::new(limits, Writer::new(write, Sealer::new(&send_key), now), lane);
    let core = LinkCore::new(limits, peer_frame_bytes_max, now);
    let timer = Box::pin(tokio::time::sleep_until(core.next_tick()));
    let task = LinkTask {
        core,
        shared: link.shared().clone(),
        service,
        read,
        opener: Opener::new(&receive_key, limits.frame_bytes_max),
        buffer: leftover,
        read_bytes: READ_BYTES_MIN,
        last_read: now,
        running: Running::default(),
        held: VecDeque::new(),
        held_bytes: 0,
        taken: Vec::new(),
        frame: None,
        events: Vec::new(),
        answers: Vec::new(),
        wakers: Vec::new(),
        answered: 0,
        watches: false,
        ids: Vec::new(),
        timer,
        limits: limits.clone(),
        closing: None,
        over: false,
    };
    (link, task)
}

impl<S: Service> Future for LinkTask<S> {
    type Output = LinkEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LinkEnd> {
        let task = &mut *self;
        for _ in 0..TURNS_MAX {
            match task.turn(cx) {
                // Callers that have their answers ask again while the rest is worked off.
                Ok(true) if task.is_callers_turn() => break,
                Ok(true) => {}
                Ok(false) => {
                    // Other tasks get their turn.
                    task.answered = 0;
                    return Poll::Pending;
                }
                Err(end) => {
                    task.end(end.clone());
                    return Poll::Ready(end);
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: Service> LinkTask<S> {
    /// One turn; true when something moved.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<bool, LinkEnd> {
        let now = Instant::now();
        self.shared.turns(now);
        if self.closing.is_some() {
            return self.close_turn(cx, now).map(|()| false);
        }
        let mut moved = self.finish_handlers(cx);
        moved |= self.take_requests(cx, now);
        self.write_frames(cx, now)?;
        let beyond_bytes = self.held_bytes + self.core.unwritten_bytes(Role::Request);
        self.shared.inbox.note_beyond(beyond_bytes, self.held.len());
        moved |= self.may_take_held();
        if self.closing.is_none() {
            moved |= self.take_in(cx, now)?;
        }
        if !moved && self.closing.is_none() {
            return self.rest(cx, now);
        }
        // Deadlines end also on a link that never rests.
        if self.closing.is_none() && now >= self.core.next_tick() {
            self.note_unfinished();
            self.on_timer(now);
        }
        Ok(true)
    }

    /// Nothing moves: sets the timer; true when it was due.
    fn rest(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, LinkEnd> {
        self.note_unfinished();
        let due = self.next_due(now);
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return Ok(false);
        }
        self.on_timer(now.max(due));
        Ok(true)
    }

    /// Says what is not finished, for whoever waits to close the link.
    fn note_unfinished(&self) {
        let is_written =
            self.core.unsealed_bytes() == 0 && self.shared.lock_writer().queued_bytes() == 0;
        let unfinished = self.core.unfinished() + usize::from(!is_written);
        self.shared.unfinished.store(unfinished, Ordering::Relaxed);
        if let Some(round_trip) = self.core.round_trip() {
            self.shared.set_round_trip(round_trip);
        }
    }

    fn next_due(&self, now: Instant) -> Instant {
        let mut due = self.core.next_tick();
        if let Some(since) = self.shared.lock_writer().stalled_since() {
            due = due.min(since + self.limits.stalled_write);
        }
        if let Some(ends) = self.pause_ends().filter(|ends| *ends > now) {
            due = due.min(ends);
        }
        if let Some(first) = self.held.iter().filter_map(deadline).min() {
            due = due.min(first);
        }
        due
    }

    fn on_timer(&mut self, now: Instant) {
        let stalled = self.shared.lock_writer().stalled_since();
        if stalled.is_some_and(|since| now >= since + self.limits.stalled_write) {
            self.start_close(CloseCode::Stalled, "a write made no progress", now);
            return;
        }
        self.expire_held(now);
        if let Err(code) = self.core.tick(now, &mut self.events) {
            self.start_close(code, "nothing was heard for too long", now);
        }
        if self.buffer.is_empty() && self.core.in_flight() == 0 && self.running.len() == 0 {
            // An idle link keeps no buffer.
            self.buffer = BytesMut::new();
            self.read_bytes = READ_BYTES_MIN;
            (self.taken, self.answers, self.wakers) = (Vec::new(), Vec::new(), Vec::new());
            self.shared.inbox.release();
        }
        self.complete_events();
    }

    fn start_close(&mut self, code: CloseCode, text: &str, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        self.core.close(code, text);
        // A peer that is not there needs no time to read our last words, and calls that wait for it
        // have waited long enough.
        let is_there = !matches!(code, CloseCode::Silent | CloseCode::Stalled);
        let until = if is_there { now + LAST_WORDS } else { now };
        self.closing = Some(Closing { end: LinkEnd::ClosedHere { code }, until });
        if is_there {
            // What is in a frame by now is going to be written.
            self.end_pending(u64::MAX);
        }
    }

    /// Hands the last bytes over, within their time, then ends. The socket is read until the peer
    /// ends its half: closing it with bytes unread would reset the connection, and the peer might
    /// never see why.
    fn close_turn(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), LinkEnd> {
        let Some(Closing { end, until }) = &self.closing else { return Ok(()) };
        let (end, until) = (end.clone(), *until);
        self.refuse_requests(cx);
        if self.write_frames(cx, now).map_err(|_| end.clone())? {
            // A shutdown that fails or waits is overtaken by the timer or the end of the read.
            let _ = self.shared.lock_writer().poll_shutdown(cx);
            loop {
                self.buffer.clear();
                match poll_read(&mut self.read, cx, &mut self.buffer, &mut self.read_bytes) {
                    Poll::Ready(Ok(0) | Err(_)) => return Err(end),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => break,
                }
            }
        }
        if now >= until {
            // A peer that writes without end does not put it off.
            return Err(end);
        }
        self.timer.as_mut().reset(until);
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => Err(end),
            Poll::Pending => Ok(()),
        }
    }

    /// Ends every call, tells the service, and lets nothing in any more.
    fn end(&mut self, end: LinkEnd) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        if matches!(end, LinkEnd::Lost { .. }) {
            self.complete_read();
        }
        self.end_calls();
        std::mem::take(&mut self.running).part();
        self.service.notice(Notice::Ended(end));
    }
}

/// A task that is dropped before its link ended (its runtime stops) still ends every call.
impl<S> Drop for LinkTask<S> {
    fn drop(&mut self) {
        if !self.over {
            self.end_calls();
        }
    }
}

fn deadline(item: &Item) -> Option<Instant> {
    item.request().map(|request| request.deadline)
}

/// Reads whatever the socket has into `buffer`. `Ok(0)` is the end of the stream.
fn poll_read(
    read: &mut ReadHalf,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
    read_bytes: &mut usize,
) -> Poll<std::io::Result<usize>> {
    buffer.reserve(*read_bytes);
    let room = buffer.capacity() - buffer.len();
    let len = ready!(read.poll_read(cx, buffer))?;
    if len == room {
        *read_bytes = (*read_bytes * 2).min(READ_BYTES_MAX);
    }
    Poll::Ready(Ok(len))
}
