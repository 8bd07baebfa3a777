//! From the socket to callers and handlers: bytes become frames, frames events.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::super::close::{CloseCode, LinkEnd};
use super::super::core::{Event, not_taken};
use super::super::message::{Answer, InboundCall};
use super::super::replies::ReplyKey;
use super::super::running::Finished;
use super::super::service::{Notice, Served, Service};
use super::serving::Serving;
use super::{LinkTask, poll_read};
use crate::ids::CallId;

/// With more bytes than this waiting for the socket, nothing is read for a moment, so that a peer
/// that asks for more than it takes is slowed down before it is refused.
const PAUSE_ABOVE_BYTES: usize = 4 << 20;

/// With more bytes than this waiting for the socket, new calls of the peer are refused: it asks
/// faster than it reads the answers.
const REFUSE_ABOVE_BYTES: usize = 32 << 20;

/// While the socket takes nothing, a piece is read this often: the peer may wait for us to read.
const PAUSE_STALLED: Duration = Duration::from_millis(20);

/// A pause ends after this long in any case: what the peer says of itself must be heard.
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// Frames after this many bytes are left for the next piece.
const BYTES_IN_A_ROW: usize = 64 << 10;

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
        let Finished { id, wants_reply, bytes, answer, computed } = finished;
        self.core.let_go(bytes);
        if let Some((command, took)) = computed {
            self.service.computed_in_place(&command, took);
        }
        match answer {
            Some(answer) if wants_reply => self.core.answer(id, answer),
            None if wants_reply => self.core.forget(id),
            Some(_) | None => {}
        }
    }

    /// Works off a piece of what the peer sent, and reads more when there is nothing left of it;
    /// true when there was something.
    pub(super) fn take_in(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, LinkEnd> {
        if self.pauses_reading(now) {
            return Ok(false);
        }
        self.last_read = now;
        // What came behind the handshake, or a turn that stopped early, is here already.
        if self.next_frame(now) {
            return self.work_off(cx, now).map(|()| true);
        }
        if self.closing.is_some() {
            return Ok(true);
        }
        match poll_read(&mut self.read, cx, &mut self.buffer, &mut self.read_bytes) {
            Poll::Ready(Ok(0)) => {
                let cause = "the peer ended the connection without a close".to_owned();
                Err(LinkEnd::Lost { cause })
            }
            Poll::Ready(Ok(_)) => {
                if self.next_frame(now) {
                    self.work_off(cx, now)?;
                }
                // Also when no frame is whole yet: the socket was not asked until it had nothing.
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(LinkEnd::Lost { cause: error.to_string() }),
            Poll::Pending => Ok(false),
        }
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

    /// True when there is a frame to work off, or the rest of one.
    fn next_frame(&mut self, now: Instant) -> bool {
        if self.frame.is_none() {
            match self.opener.next_frame(&mut self.buffer) {
                Ok(frame) => self.frame = frame.map(BytesMut::freeze),
                Err(error) => self.start_close(CloseCode::Protocol, error.cause(), now),
            }
        }
        self.frame.is_some()
    }

    /// Works off a piece of what is here. What it leaves for the next turn waits for no more than
    /// the write of what this piece brought about: the peer goes on with that meanwhile. Small
    /// frames make one piece together, so that their answers travel together.
    fn work_off(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), LinkEnd> {
        let Some(mut frame) = self.frame.take() else { return Ok(()) };
        let mut serving = Serving::new(self.has_answers_unread(), now);
        let mut answers = self.answers_left();
        let mut bytes = frame.len();
        while serving.goes_on() && answers > 0 {
            match self.core.next_event(&mut frame, now) {
                Ok(Some(Event::Completed { token, result })) => {
                    self.complete(token, result);
                    answers -= 1;
                }
                Ok(Some(Event::Call(call))) => self.serve(cx, call, &mut serving),
                Ok(Some(event)) => self.heed(event)?,
                Ok(None) => {
                    if bytes < BYTES_IN_A_ROW {
                        self.next_frame(now);
                    }
                    let Some(next) = self.frame.take() else {
                        self.end_piece(None, &serving);
                        return Ok(());
                    };
                    bytes += next.len();
                    frame = next;
                }
                Err(_) => {
                    self.start_close(CloseCode::Protocol, "a record makes no sense", now);
                    return Ok(());
                }
            }
        }
        self.end_piece(Some(frame), &serving);
        Ok(())
    }

    /// Whether the peer asks faster than it reads the answers.
    fn has_answers_unread(&self) -> bool {
        self.shared.lock_writer().queued_bytes() > REFUSE_ABOVE_BYTES
    }

    fn end_piece(&mut self, rest: Option<Bytes>, serving: &Serving) {
        self.frame = rest;
        self.hand_out();
        self.watches |= serving.held_up(&*self.service);
    }

    /// Carries out what is neither a call nor an answer.
    fn heed(&mut self, event: Event<ReplyKey>) -> Result<(), LinkEnd> {
        match event {
            Event::Cancelled(id) => self.running.cancel(id),
            Event::PeerDraining => {
                self.shared.peer_draining.store(true, Ordering::Relaxed);
                self.service.notice(Notice::PeerDraining);
            }
            Event::DrainSeen => {
                // Counted before, so that whoever sees this sees every call that came before it.
                self.note_unfinished();
                self.shared.drain_seen.store(true, Ordering::Release);
            }
            Event::Ticket(ticket) => self.service.notice(Notice::Ticket(ticket)),
            Event::Revoke(list) => self.service.notice(Notice::Revoke(list)),
            Event::Closed { code, text } => {
                self.hand_out();
                return Err(LinkEnd::ClosedByPeer { code: CloseCode::from_wire(code), text });
            }
            Event::Call(_) | Event::Completed { .. } => {}
        }
        Ok(())
    }

    /// Serves a call of the peer and polls its handler once in place.
    fn serve(&mut self, cx: &mut Context<'_>, call: InboundCall, serving: &mut Serving) {
        // Nobody whose answer is here waits for a handler that computes.
        self.hand_out();
        let InboundCall { id, wants_reply, .. } = call;
        if serving.refuses() || self.core.owes_too_much() {
            self.answer(id, wants_reply, Err(not_taken().into()));
            return;
        }
        let (command, bytes) = (call.command.clone(), call.body.bytes.len());
        match self.service.serve(call) {
            Served::Ready(answer) => self.answer(id, wants_reply, answer),
            Served::Handling(mut future) => match future.as_mut().poll(cx) {
                Poll::Ready(answer) => self.answer(id, wants_reply, answer),
                Poll::Pending => {
                    self.core.keep(bytes);
                    self.running.push(id, wants_reply, command.clone(), bytes, future);
                }
            },
        }
        serving.served(command, self.watches.then_some(&*self.service));
    }

    fn answer(&mut self, id: CallId, wants_reply: bool, answer: Answer) {
        if wants_reply {
            self.core.answer(id, answer);
        }
    }
}
