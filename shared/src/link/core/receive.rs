//! Frames of the peer: what each record does to the link.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::super::assembly::OpenRefused;
use super::super::large::{LargeKey, Role};
use super::super::message::{Body, CommandRef, InboundCall};
use super::super::pending::SLOT_BITS;
use super::{DRAIN_PROBE, Event, LinkCore, Violation};
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
        self.liveness.heard(now);
        while let Some(record) = record::decode(&mut frame)? {
            match record.kind {
                RecordType::Call | RecordType::Cast => self.on_request(record, now, events)?,
                RecordType::Reply | RecordType::Error => self.on_response(record, now, events)?,
                RecordType::Chunk | RecordType::End => self.on_piece(&record, now, events)?,
                RecordType::Window => self.on_window(&record)?,
                RecordType::Cancel => self.on_cancel(record.call_id, events),
                RecordType::Ping if self.liveness.may_answer(now) => {
                    self.write_bare(RecordType::Pong, record.call_id);
                }
                RecordType::Pong if record.call_id == DRAIN_PROBE && self.draining => {
                    events.push(Event::DrainSeen);
                }
                RecordType::Ping | RecordType::Pong => {}
                RecordType::Drain => {
                    self.peer_draining = true;
                    events.push(Event::PeerDraining);
                }
                RecordType::Ticket => events.push(Event::Ticket(record.body)),
                RecordType::Revoke => events.push(Event::Revoke(record.body)),
                RecordType::Close => {
                    events.push(read_close(&record.body)?);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn on_request(
        &mut self,
        record: Record,
        now: Instant,
        events: &mut Vec<Event<T>>,
    ) -> Result<(), Violation> {
        let id = record.call_id;
        let wants_reply = record.kind == RecordType::Call;
        if let Err(refused) = self.admit(&record) {
            // A large message is refused before its first piece: none was granted.
            if wants_reply {
                self.write_error(id, &refused.into());
            }
            return Ok(());
        }
        let Some(total) = record.extension.total_bytes else {
            self.accept(record, now, events);
            return Ok(());
        };
        let key = LargeKey { role: Role::Request, id };
        match self.assembly.open(key, record, total as usize, now) {
            Ok(grant) => self.write_grants(grant),
            Err(OpenRefused::TooLarge { bytes, limit }) if wants_reply => {
                self.write_error(id, &NotExecuted::TooLarge { bytes, limit }.into());
            }
            Err(OpenRefused::TooLarge { .. }) => {}
            Err(OpenRefused::Violation) => return Err(Violation::Order("bad large message")),
        }
        Ok(())
    }

    fn admit(&self, record: &Record) -> Result<(), NotExecuted> {
        if self.draining {
            return Err(NotExecuted::Draining);
        }
        if self.unanswered + self.assembly.len() >= self.limits.calls_in_flight_max {
            return Err(NotExecuted::overloaded("calls in flight on the link"));
        }
        let bytes = record.body.len();
        if bytes > self.limits.message_bytes_max {
            let limit = self.limits.message_bytes_max as u64;
            return Err(NotExecuted::TooLarge { bytes: bytes as u64, limit });
        }
        Ok(())
    }

    fn accept(&mut self, record: Record, now: Instant, events: &mut Vec<Event<T>>) {
        let wants_reply = record.kind == RecordType::Call;
        if wants_reply {
            self.unanswered += 1;
        }
        let Extension { deadline_ms, trace, command_name, attempt, .. } = record.extension;
        let left = Duration::from_millis(deadline_ms.unwrap_or(u32::MAX).into());
        events.push(Event::Call(InboundCall {
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
        }));
    }

    fn on_response(
        &mut self,
        record: Record,
        now: Instant,
        events: &mut Vec<Event<T>>,
    ) -> Result<(), Violation> {
        let id = record.call_id;
        if self.pending.entry(id).is_none() {
            // Cancelled or past its deadline: the answer crossed our CANCEL.
            return Ok(());
        }
        let Some(total) = record.extension.total_bytes else {
            self.complete(record, events);
            return Ok(());
        };
        let key = LargeKey { role: Role::Response, id };
        match self.assembly.open(key, record, total as usize, now) {
            Ok(grant) => self.write_grants(grant),
            Err(OpenRefused::TooLarge { bytes, limit }) => {
                self.withdraw(id);
                if let Some(call) = self.pending.remove(id) {
                    let message = format!("{bytes} bytes, over the limit of {limit}");
                    let cause = UnknownCause::BadReply { message };
                    let result = Err(CallError::Unknown { call_id: id, cause });
                    events.push(Event::Completed { token: call.token, result });
                }
            }
            Err(OpenRefused::Violation) => return Err(Violation::Order("bad large message")),
        }
        Ok(())
    }

    fn complete(&mut self, record: Record, events: &mut Vec<Event<T>>) {
        let Some(call) = self.pending.remove(record.call_id) else { return };
        if cfg!(mutate = "lost_reply") && (call.id.0 >> SLOT_BITS) % 16 == 15 {
            return;
        }
        // An answer before all of the request was sent: the peer refused it.
        self.outgoing.withdraw(LargeKey { role: Role::Request, id: call.id });
        let result = if record.kind == RecordType::Reply {
            Ok(Body { codec: record.codec, bytes: record.body })
        } else {
            Err(read_error(&record, call.id))
        };
        events.push(Event::Completed { token: call.token, result });
    }

    fn on_piece(
        &mut self,
        record: &Record,
        now: Instant,
        events: &mut Vec<Event<T>>,
    ) -> Result<(), Violation> {
        let key = LargeKey::from_wire(record.command, record.call_id)
            .ok_or(Violation::Order("a piece of no message"))?;
        let last = record.kind == RecordType::End;
        let (whole, grants) = self
            .assembly
            .piece(key, &record.body, last, now)
            .map_err(|_| Violation::Order("a piece beyond what was granted"))?;
        self.write_grants(grants);
        match whole {
            Some(whole) if key.role == Role::Request => match self.admit(&whole) {
                Ok(()) => self.accept(whole, now, events),
                Err(refused) if whole.kind == RecordType::Call => {
                    self.write_error(whole.call_id, &refused.into());
                }
                Err(_) => {}
            },
            Some(whole) => self.complete(whole, events),
            None => {}
        }
        Ok(())
    }

    fn on_window(&mut self, record: &Record) -> Result<(), Violation> {
        let key = LargeKey::from_wire(record.command, record.call_id)
            .ok_or(Violation::Order("a window of no message"))?;
        let bytes = <[u8; 4]>::try_from(&record.body[..])
            .map_err(|_| Violation::Order("a window without its bytes"))?;
        self.outgoing.grant(key, u32::from_be_bytes(bytes) as usize);
        Ok(())
    }

    fn on_cancel(&mut self, id: CallId, events: &mut Vec<Event<T>>) {
        let (was_partial, grants) = self.assembly.withdraw(LargeKey { role: Role::Request, id });
        self.write_grants(grants);
        self.outgoing.withdraw(LargeKey { role: Role::Response, id });
        if !was_partial {
            events.push(Event::Cancelled(id));
        }
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
