//! Frames of the peer: what each record does to the link.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::super::assembly::OpenRefused;
use super::super::large::{LargeKey, Role};
use super::super::message::{Body, CommandRef, InboundCall};
use super::super::pending::SLOT_BITS;
use super::{DRAIN_PROBE, Event, KEEP_ALIVE, LinkCore, Violation};
use crate::ids::CallId;
use crate::outcome::{CallError, ErrorBody, NotExecuted, UnknownCause};
use crate::record::{self, COMMAND_BY_NAME, Extension, Record, RecordType};

impl<T> LinkCore<T> {
    /// Takes in the plaintext of one frame of the peer.
    ///
    /// # Errors
    /// [`Violation`]: the link must close with `PROTOCOL`. What stood before it in the frame holds.
    pub fn handle_frame(
        &mut self,
        mut frame: Bytes,
        now: Instant,
        events: &mut Vec<Event<T>>,
    ) -> Result<(), Violation> {
        while let Some(event) = self.next_event(&mut frame, now)? {
            events.push(event);
        }
        Ok(())
    }

    /// Takes records off the plaintext of a frame of the peer until one of them makes an event;
    /// `None` at its end. So a frame can be worked off in pieces.
    ///
    /// # Errors
    /// [`Violation`]: the link must close with `PROTOCOL`. What stood before it in the frame holds.
    pub fn next_event(
        &mut self,
        frame: &mut Bytes,
        now: Instant,
    ) -> Result<Option<Event<T>>, Violation> {
        self.liveness.heard(now);
        while let Some(record) = record::decode(frame)? {
            let event = match record.kind {
                RecordType::Call | RecordType::Cast => self.on_request(record, now)?,
                RecordType::Reply | RecordType::Error => self.on_response(record)?,
                RecordType::Chunk | RecordType::End => self.on_piece(&record, now)?,
                RecordType::Close => {
                    // Nothing after it is read.
                    frame.clear();
                    Some(read_close(&record.body)?)
                }
                _ => self.on_word(record, now)?,
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// What the peer says of itself, of its link, or of a message under way.
    fn on_word(&mut self, record: Record, now: Instant) -> Result<Option<Event<T>>, Violation> {
        Ok(match record.kind {
            RecordType::Window => {
                self.on_window(&record)?;
                None
            }
            RecordType::Cancel => self.on_cancel(record.call_id),
            RecordType::Ping => {
                if self.liveness.may_answer(now) {
                    self.write_bare(RecordType::Pong, record.call_id);
                }
                None
            }
            RecordType::Pong if record.call_id == DRAIN_PROBE && self.draining => {
                Some(Event::DrainSeen)
            }
            RecordType::Pong if record.call_id == KEEP_ALIVE => {
                self.liveness.answered(now);
                None
            }
            // Whoever drives the link is told once, however often the peer says so.
            RecordType::Drain if self.peer_draining => None,
            RecordType::Drain => {
                self.peer_draining = true;
                Some(Event::PeerDraining)
            }
            RecordType::Ticket => Some(Event::Ticket(record.body)),
            RecordType::Revoke => Some(Event::Revoke(record.body)),
            _ => None,
        })
    }

    fn on_request(&mut self, record: Record, now: Instant) -> Result<Option<Event<T>>, Violation> {
        let id = record.call_id;
        let wants_reply = record.kind == RecordType::Call;
        if let Err(refused) = self.admit(&record) {
            // A large message is refused before its first piece: none was granted. Its sender is
            // told even if it is a cast, or it would keep the pieces for as long as the link lives.
            if wants_reply || record.extension.total_bytes.is_some() {
                self.write_error(id, &refused.into());
            }
            return Ok(None);
        }
        let Some(total) = record.extension.total_bytes else {
            return Ok(Some(self.accept(record, now)));
        };
        let key = LargeKey { role: Role::Request, id };
        match self.assembly.open(key, record, total as usize) {
            Ok(grant) => self.write_grants(grant),
            Err(OpenRefused::TooLarge { bytes, limit }) => {
                self.write_error(id, &NotExecuted::TooLarge { bytes, limit }.into());
            }
            Err(OpenRefused::Violation) => return Err(Violation::Order("bad large message")),
        }
        Ok(None)
    }

    fn admit(&self, record: &Record) -> Result<(), NotExecuted> {
        if self.draining {
            return Err(NotExecuted::Draining);
        }
        if self.unanswered + self.assembly.len() >= self.limits.calls_in_flight_max {
            return Err(NotExecuted::overloaded("calls in flight on the link"));
        }
        let bytes = record.extension.total_bytes.map_or(record.body.len(), |total| total as usize);
        if bytes > self.limits.message_bytes_max {
            let limit = self.limits.message_bytes_max as u64;
            return Err(NotExecuted::TooLarge { bytes: bytes as u64, limit });
        }
        if self.keeps_too_much(bytes) {
            return Err(NotExecuted::overloaded("bytes of requests under way on the link"));
        }
        Ok(())
    }

    fn accept(&mut self, record: Record, now: Instant) -> Event<T> {
        let wants_reply = record.kind == RecordType::Call;
        if wants_reply {
            self.unanswered += 1;
        }
        let Extension { deadline_ms, trace, command_name, attempt, .. } = record.extension;
        let left = Duration::from_millis(deadline_ms.unwrap_or(u32::MAX).into());
        Event::Call(InboundCall {
            id: record.call_id,
            command: match command_name {
                Some(name) if record.command == COMMAND_BY_NAME => CommandRef::Name(name),
                _ => CommandRef::Number(record.command),
            },
            body: Body { codec: record.codec, bytes: record.body },
            deadline: now + left,
            trace,
            attempt,
            wants_reply,
        })
    }

    fn on_response(&mut self, record: Record) -> Result<Option<Event<T>>, Violation> {
        let id = record.call_id;
        let Some(total) = record.extension.total_bytes else {
            return Ok(self.complete(record));
        };
        if self.pending.entry(id).is_none() {
            // Cancelled or past its deadline: the answer crossed our CANCEL.
            return Ok(None);
        }
        let key = LargeKey { role: Role::Response, id };
        match self.assembly.open(key, record, total as usize) {
            Ok(grant) => self.write_grants(grant),
            Err(OpenRefused::TooLarge { bytes, limit }) => {
                self.withdraw(id);
                if let Some(call) = self.pending.remove(id) {
                    let message = format!("{bytes} bytes, over the limit of {limit}");
                    let cause = UnknownCause::BadReply { message };
                    let result = Err(CallError::Unknown { call_id: id, cause });
                    return Ok(Some(Event::Completed { token: call.token, result }));
                }
            }
            Err(OpenRefused::Violation) => return Err(Violation::Order("bad large message")),
        }
        Ok(None)
    }

    /// The answer of a call; of one that nobody waits for, nothing comes of it.
    fn complete(&mut self, record: Record) -> Option<Event<T>> {
        // An answer before all of the request was sent: the peer refused it, which may be a cast.
        self.outgoing.withdraw(LargeKey { role: Role::Request, id: record.call_id });
        let call = self.pending.remove(record.call_id)?;
        if cfg!(mutate = "lost_reply") && (call.id.0 >> SLOT_BITS) % 16 == 15 {
            return None;
        }
        let result = if record.kind == RecordType::Reply {
            Ok(Body { codec: record.codec, bytes: record.body })
        } else {
            Err(read_error(&record, call.id))
        };
        Some(Event::Completed { token: call.token, result })
    }

    fn on_piece(&mut self, record: &Record, now: Instant) -> Result<Option<Event<T>>, Violation> {
        let key = LargeKey::from_wire(record.command, record.call_id)
            .ok_or(Violation::Order("a piece of no message"))?;
        let last = record.kind == RecordType::End;
        let (whole, grants) = self
            .assembly
            .piece(key, &record.body, last, now)
            .map_err(|_| Violation::Order("a piece beyond what was granted"))?;
        self.write_grants(grants);
        Ok(match whole {
            Some(whole) if key.role == Role::Request => match self.admit(&whole) {
                Ok(()) => Some(self.accept(whole, now)),
                Err(refused) if whole.kind == RecordType::Call => {
                    self.write_error(whole.call_id, &refused.into());
                    None
                }
                Err(_) => None,
            },
            Some(whole) => self.complete(whole),
            None => None,
        })
    }

    /// Gives up messages whose sender has gone quiet, and frees their memory for others.
    pub(super) fn give_up_stale(&mut self, now: Instant) {
        for key in self.assembly.stale(now) {
            let (_, grants) = self.assembly.withdraw(key);
            self.write_grants(grants);
            if key.role == Role::Request {
                let quiet = NotExecuted::overloaded("large messages whose pieces do not come");
                self.write_error(key.id, &quiet.into());
            }
        }
    }

    fn on_window(&mut self, record: &Record) -> Result<(), Violation> {
        let key = LargeKey::from_wire(record.command, record.call_id)
            .ok_or(Violation::Order("a window of no message"))?;
        let bytes = <[u8; 4]>::try_from(&record.body[..])
            .map_err(|_| Violation::Order("a window without its bytes"))?;
        self.outgoing.grant(key, u32::from_be_bytes(bytes) as usize);
        Ok(())
    }

    fn on_cancel(&mut self, id: CallId) -> Option<Event<T>> {
        let (was_partial, grants) = self.assembly.withdraw(LargeKey { role: Role::Request, id });
        self.write_grants(grants);
        self.outgoing.withdraw(LargeKey { role: Role::Response, id });
        (!was_partial).then_some(Event::Cancelled(id))
    }
}

fn read_error(record: &Record, id: CallId) -> CallError {
    match record.codec.decode::<ErrorBody>(&record.body) {
        Ok(error) => error.into_call_error(id),
        Err(error) => {
            let cause = UnknownCause::BadReply { message: error.message };
            CallError::Unknown { call_id: id, cause }
        }
    }
}

fn read_close<T>(body: &[u8]) -> Result<Event<T>, Violation> {
    let (code, text) =
        body.split_first_chunk::<2>().ok_or(Violation::Order("a close without a code"))?;
    let text = String::from_utf8_lossy(&text[..text.len().min(256)]).into_owned();
    Ok(Event::Closed { code: u16::from_be_bytes(*code), text })
}
