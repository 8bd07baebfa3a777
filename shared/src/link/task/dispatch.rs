//! From the socket to callers and handlers: bytes become frames, frames events.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::super::close::{CloseCode, LinkEnd};
use super::super::core::Event;
use super::super::message::{Answer, InboundCall};
use super::super::running::{Finished, IN_PLACE_MAX};
use super::super::service::{Notice, Served, Service};
use super::{LinkTask, poll_read};
use crate::ids::CallId;
use crate::outcome::NotExecuted;

/// With more bytes than this waiting for the socket, new calls of the peer are refused: it asks
/// faster than it reads the answers.
const REFUSE_ABOVE_BYTES: usize = 32 << 20;

/// With more bytes than this waiting for the socket, nothing is read for a moment, so that a peer
/// that asks for more than it takes is slowed down before it is refused.
const PAUSE_ABOVE_BYTES: usize = 4 << 20;

/// While the socket takes nothing, a piece is read this often: the peer may wait for us to read.
const PAUSE_STALLED: Duration = Duration::from_millis(20);

/// A pause ends after this long in any case: what the peer says of itself must be heard.
const PAUSE_MAX: Duration = Duration::from_millis(250);

impl<S: Service> LinkTask<S> {
    /// Answers of handlers that are done; true when there were some.
    pub(super) fn finish_handlers(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while let Poll::Ready(Some(finished)) = self.running.poll_next(cx) {
            self.finish(finished);
            moved = true;
        }
        moved
    }

    fn finish(&mut self, finished: Finished) {
        let Finished { id, wants_reply, answer, computed } = finished;
        if let Some((command, took)) = computed {
            self.service.computed_in_place(&command, took);
        }
        match answer {
            Some(answer) if wants_reply => self.core.answer(id, answer),
            None if wants_reply => self.core.forget(id),
            Some(_) | None => {}
        }
    }

    /// Reads what the socket has and works it off; true when there was something.
    pub(super) fn read_frames(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Result<bool, LinkEnd> {
        if self.pauses_reading(now) {
            return Ok(false);
        }
        self.last_read = now;
        // What came behind the handshake, or a turn that stopped early, is in the buffer already.
        let mut moved = self.open_frames(cx, now)?;
        match poll_read(&mut self.read, cx, &mut self.buffer, &mut self.read_bytes) {
            Poll::Ready(Ok(0)) => {
                let cause = "the peer ended the connection without a close".to_owned();
                return Err(LinkEnd::Lost { cause });
            }
            Poll::Ready(Ok(_)) => {
                // Also when no frame is whole yet: the socket was not asked until it had nothing.
                moved = true;
                self.open_frames(cx, now)?;
            }
            Poll::Ready(Err(error)) => return Err(LinkEnd::Lost { cause: error.to_string() }),
            Poll::Pending => {}
        }
        Ok(moved)
    }

    /// Whether the answers that wait to be written are so many that no more calls are read now.
    fn pauses_reading(&self, now: Instant) -> bool {
        self.pause_ends().is_some_and(|ends| now < ends)
    }

    /// When reading goes on at the latest; `None` when it is not paused. Written bytes end it too.
    pub(super) fn pause_ends(&self) -> Option<Instant> {
        let writer = self.shared.lock_writer();
        let since = writer.stalled_since()?;
        let paused = writer.queued_bytes() > PAUSE_ABOVE_BYTES;
        let stalled = since.max(self.last_read) + PAUSE_STALLED;
        paused.then(|| stalled.min(self.last_read + PAUSE_MAX))
    }

    fn open_frames(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, LinkEnd> {
        let mut moved = false;
        loop {
            let frame = match self.opener.next_frame(&mut self.buffer) {
                Ok(Some(frame)) => frame.freeze(),
                Ok(None) => break,
                Err(error) => {
                    self.start_close(CloseCode::Protocol, error.cause(), now);
                    return Ok(true);
                }
            };
            moved = true;
            let handled = self.core.handle_frame(frame, now, &mut self.events);
            self.dispatch(cx, now)?;
            if handled.is_err() {
                self.start_close(CloseCode::Protocol, "a record makes no sense", now);
                return Ok(true);
            }
        }
        Ok(moved)
    }

    /// Carries out events that need no waker: those of the timer.
    pub(super) fn dispatch_events(&mut self, now: Instant) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        // Only frames of the peer bring calls or an end.
        let _ = self.dispatch(&mut cx, now);
    }

    fn dispatch(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), LinkEnd> {
        let mut events = std::mem::take(&mut self.events);
        let mut started = now;
        let mut end = None;
        for event in events.drain(..) {
            match event {
                Event::Completed { token, result } => self.complete(&token, result),
                Event::Call(call) => started = self.serve(cx, call, started),
                Event::Cancelled(id) => self.running.cancel(id),
                Event::PeerDraining => {
                    self.shared.peer_draining.store(true, Ordering::Relaxed);
                    self.service.notice(Notice::PeerDraining);
                }
                Event::DrainSeen => self.shared.drain_seen.store(true, Ordering::Relaxed),
                Event::Ticket(ticket) => self.service.notice(Notice::Ticket(ticket)),
                Event::Revoke(list) => self.service.notice(Notice::Revoke(list)),
                Event::Closed { code, text } => {
                    end = Some(LinkEnd::ClosedByPeer { code: CloseCode::from_wire(code), text });
                }
            }
        }
        self.events = events;
        end.map_or(Ok(()), Err)
    }

    /// Serves a call of the peer and polls its handler once in place. Returns when that ended.
    fn serve(&mut self, cx: &mut Context<'_>, call: InboundCall, started: Instant) -> Instant {
        let InboundCall { id, wants_reply, .. } = call;
        if self.shared.lock_writer().queued_bytes() > REFUSE_ABOVE_BYTES {
            if wants_reply {
                let refused = NotExecuted::overloaded("answers that the caller does not read");
                self.core.answer(id, Err(refused.into()));
            }
            return started;
        }
        let command = call.command.clone();
        match self.service.serve(call) {
            Served::Ready(answer) => self.answer(id, wants_reply, answer),
            Served::Handling(mut future) => match future.as_mut().poll(cx) {
                Poll::Ready(answer) => self.answer(id, wants_reply, answer),
                Poll::Pending => self.running.push(id, wants_reply, command.clone(), future),
            },
        }
        let done = Instant::now();
        let took = done.duration_since(started);
        if took > IN_PLACE_MAX {
            self.service.computed_in_place(&command, took);
        }
        done
    }

    fn answer(&mut self, id: CallId, wants_reply: bool, answer: Answer) {
        if wants_reply {
            self.core.answer(id, answer);
        }
    }
}
