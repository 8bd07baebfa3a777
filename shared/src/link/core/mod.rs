//! The pure heart of a link: calls and frames in, frames and events out. It knows no socket, no
//! task and no clock; the link's task ([`super::task`]) drives it.
//!
//! `T` is whoever waits for an answer: the place of a caller in the real thing, a number in tests.

mod answers;
mod receive;
#[cfg(test)]
mod tests;
mod write;

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

pub(crate) use answers::not_taken;

use super::assembly::Assembly;
use super::close::CloseCode;
use super::large::{LargeKey, Role};
use super::liveness::{Liveness, Pulse};
use super::message::{Body, InboundCall, Request};
use super::open_frame::{OpenFrame, PlainFrame};
use super::outgoing::{Outgoing, PIECE_BYTES_MAX};
use super::pending::{PendingCall, PendingCalls};
use crate::ids::CallId;
use crate::limits::Limits;
use crate::outcome::{CallError, NotExecuted, UnknownCause};
use crate::record::{self, Record, RecordError, RecordType};

/// Call id of the PING that follows a DRAIN; a call never has it.
const DRAIN_PROBE: CallId = CallId(1);

/// Names the PING that asks whether the peer lives, and how far away it is.
const KEEP_ALIVE: CallId = CallId(0);

/// What a link tells whoever drives it.
#[derive(Debug)]
pub enum Event<T> {
    /// The peer asks for a command.
    Call(InboundCall),
    /// The peer no longer wants the answer of its call.
    Cancelled(CallId),
    /// A call of ours is over.
    Completed {
        /// Whoever waits.
        token: T,
        /// What became of it.
        result: Result<Body, CallError>,
    },
    /// The peer takes no new calls.
    PeerDraining,
    /// The peer knows that we take no new calls, and all that it asked before have come in.
    DrainSeen,
    /// The peer has a fresh ticket.
    Ticket(Bytes),
    /// The peer passes on which tickets the authority took back.
    Revoke(Bytes),
    /// The peer closed the link; nothing after it is read.
    Closed {
        /// Its code, as on the wire.
        code: u16,
        /// Its words.
        text: String,
    },
}

/// A frame of the peer that breaks the rules of the wire: the link closes with `PROTOCOL`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A record does not decode.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record makes no sense where it stands.
    #[error("{0}")]
    Order(&'static str),
}

/// One end of a link.
pub struct LinkCore<T> {
    frames: OpenFrame,
    pending: PendingCalls<T>,
    outgoing: Outgoing,
    assembly: Assembly,
    liveness: Liveness,
    limits: Limits,
    /// Calls of the peer that wait for our answer.
    unanswered: usize,
    /// Bytes of requests of the peer that are being worked off.
    kept_bytes: usize,
    draining: bool,
    peer_draining: bool,
}

impl<T> LinkCore<T> {
    /// A link that was made just now. `peer_frame_bytes_max` is what the peer announced to take.
    pub fn new(limits: &Limits, peer_frame_bytes_max: usize, now: Instant) -> Self {
        Self {
            frames: OpenFrame::new(peer_frame_bytes_max.min(limits.frame_bytes_max)),
            pending: PendingCalls::new(),
            outgoing: Outgoing::default(),
            assembly: Assembly::new(limits),
            liveness: Liveness::new(limits.ping_after, limits.dead_after, now),
            limits: limits.clone(),
            unanswered: 0,
            kept_bytes: 0,
            draining: false,
            peer_draining: false,
        }
    }

    // --- our calls ---

    /// Writes a CALL. The answer comes as [`Event::Completed`]; an error gives the token back at
    /// once, with the reason why nothing was sent.
    pub fn call(
        &mut self,
        request: &Request,
        token: T,
        now: Instant,
    ) -> Result<CallId, (T, NotExecuted)> {
        if let Err(refused) = self.sendable(request, now) {
            return Err((token, refused));
        }
        if self.peer_draining {
            // Written now it would come after our answer to the peer's drain, and might meet a
            // closed link.
            return Err((token, NotExecuted::Draining));
        }
        if self.pending.len() >= self.limits.calls_in_flight_max {
            return Err((token, NotExecuted::overloaded("calls in flight on the link")));
        }
        let id = self.pending.insert(token, request.deadline);
        let sent_in = self.write_request(request, id, now);
        if let Some(call) = self.pending.entry(id) {
            call.sent_in = sent_in;
        }
        Ok(id)
    }

    /// Writes a CAST, which nothing comes back for.
    pub fn cast(&mut self, request: &Request, now: Instant) -> Result<(), NotExecuted> {
        self.sendable(request, now)?;
        let id = self.pending.next_id();
        self.write_request(request, id, now);
        Ok(())
    }

    fn sendable(&self, request: &Request, now: Instant) -> Result<(), NotExecuted> {
        let (bytes, limit) = (request.body.bytes.len(), self.limits.message_bytes_max);
        if bytes > limit {
            return Err(NotExecuted::TooLarge { bytes: bytes as u64, limit: limit as u64 });
        }
        if request.deadline <= now { Err(NotExecuted::Deadline) } else { Ok(()) }
    }

    /// Withdraws a call: its token comes back if it still waits, and the peer is told.
    pub fn cancel(&mut self, id: CallId) -> Option<T> {
        let call = self.pending.remove(id)?;
        self.withdraw(id);
        Some(call.token)
    }

    /// Tells the peer that the answer of a call is not wanted, and forgets what is under way of it.
    fn withdraw(&mut self, id: CallId) {
        self.outgoing.withdraw(LargeKey { role: Role::Request, id });
        let (_, grants) = self.assembly.withdraw(LargeKey { role: Role::Response, id });
        self.write_grants(grants);
        self.write_bare(RecordType::Cancel, id);
    }

    /// Calls of ours that wait for an answer.
    pub fn in_flight(&self) -> usize {
        self.pending.len()
    }

    // --- the link itself ---

    /// From now on new calls of the peer are refused, and the peer is told so. The PING behind it
    /// comes back once the peer sends no more calls: [`Event::DrainSeen`].
    pub fn drain(&mut self) {
        if !self.draining {
            self.draining = true;
            self.write_bare(RecordType::Drain, CallId(0));
            self.write_bare(RecordType::Ping, DRAIN_PROBE);
        }
    }

    /// Pushes a fresh ticket of ours.
    pub fn send_ticket(&mut self, ticket: Bytes) {
        self.write_carrying(RecordType::Ticket, ticket);
    }

    /// Passes on a signed list of revoked tickets.
    pub fn send_revoke(&mut self, list: Bytes) {
        self.write_carrying(RecordType::Revoke, list);
    }

    /// Writes the CLOSE that must be the last record: what is left of large messages stays here.
    pub fn close(&mut self, code: CloseCode, text: &str) {
        self.outgoing = Outgoing::default();
        let (buffer, _) = self.frames.room(record::HEADER_BYTES + 258);
        record::encode_close(code.wire(), text, buffer);
    }

    /// Writes pieces of large messages while fewer than `bytes_max` bytes wait here.
    pub fn pump(&mut self, bytes_max: usize) {
        let piece_bytes_max = PIECE_BYTES_MAX.min(self.frames.body_bytes_max());
        while self.frames.bytes() < bytes_max {
            let Some(piece) = self.outgoing.next_piece(piece_bytes_max) else { return };
            let kind = if piece.last { RecordType::End } else { RecordType::Chunk };
            let mut record = Record::bare(kind, piece.key.id);
            record.command = piece.key.wire();
            record.body = piece.bytes;
            let sequence = self.write(&record);
            if piece.last
                && piece.key.role == Role::Request
                && let Some(call) = self.pending.entry(piece.key.id)
            {
                call.sent_in = Some(sequence);
            }
        }
    }

    /// True when [`LinkCore::pump`] has pieces to write.
    pub fn has_pieces(&self) -> bool {
        self.outgoing.is_ready()
    }

    /// The next frame to seal and write.
    pub(crate) fn take_frame(&mut self) -> Option<PlainFrame> {
        self.frames.take()
    }

    /// Bytes of large messages of ours that the peer has not granted, or that wait for their turn.
    pub(crate) fn unwritten_bytes(&self, role: Role) -> usize {
        self.outgoing.bytes(role)
    }

    /// Bytes that wait here to be sealed.
    pub(crate) fn unsealed_bytes(&self) -> usize {
        self.frames.bytes()
    }

    /// Gives the buffer of a written frame back.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.frames.recycle(buffer);
    }

    /// How long the last PING took there and back; `None` before the first answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.liveness.round_trip()
    }

    /// When [`LinkCore::tick`] is due.
    pub fn next_tick(&self) -> Instant {
        let pulse = self.liveness.due();
        self.pending.next_sweep().map_or(pulse, |sweep| sweep.min(pulse))
    }

    /// Time has passed: ends calls whose deadline is over and keeps the link alive.
    ///
    /// # Errors
    /// The peer was silent for too long and the link is dead.
    pub fn tick(&mut self, now: Instant, events: &mut Vec<Event<T>>) -> Result<(), CloseCode> {
        for call in self.pending.sweep(now) {
            self.withdraw(call.id);
            let result = Err(deadline_passed(&call));
            events.push(Event::Completed { token: call.token, result });
        }
        match self.liveness.tick(now) {
            Pulse::Quiet => {}
            Pulse::Measure => {
                self.write_bare(RecordType::Ping, KEEP_ALIVE);
                self.give_up_stale(now);
            }
            Pulse::SendPing => {
                self.write_bare(RecordType::Ping, KEEP_ALIVE);
                self.frames.release();
                self.give_up_stale(now);
            }
            Pulse::Dead => return Err(CloseCode::Silent),
        }
        Ok(())
    }

    /// The link is gone. Every waiting call ends: `NotExecuted` when no byte of what completes it
    /// was handed to the socket, `Unknown` else. `touched` is the sequence of the last frame of
    /// which a byte was written.
    pub fn end(&mut self, touched: u64, events: &mut Vec<Event<T>>) {
        for call in self.pending.drain() {
            let result = Err(link_lost(&call, touched));
            events.push(Event::Completed { token: call.token, result });
        }
    }
}

/// A request that is whole in a frame will reach the peer, whenever that frame is written: only one
/// of which a piece is still here is certain not to run.
fn deadline_passed<T>(call: &PendingCall<T>) -> CallError {
    if call.sent_in.is_some() {
        CallError::Unknown { call_id: call.id, cause: UnknownCause::Deadline }
    } else {
        CallError::not_executed(NotExecuted::Deadline)
    }
}

fn link_lost<T>(call: &PendingCall<T>, touched: u64) -> CallError {
    let planted = cfg!(mutate = "link_loss_is_not_executed");
    if !planted && call.sent_in.is_some_and(|sequence| sequence <= touched) {
        CallError::Unknown { call_id: call.id, cause: UnknownCause::LinkLost }
    } else {
        CallError::not_executed(NotExecuted::LinkLost)
    }
}
