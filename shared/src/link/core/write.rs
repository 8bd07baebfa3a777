//! Records on their way into frames.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::super::assembly::Grant;
use super::super::large::LargeKey;
use super::super::message::{Body, CommandRef, Request};
use super::LinkCore;
use crate::codec::Codec;
use crate::ids::CallId;
use crate::limits::CHUNKED_ABOVE_BYTES;
use crate::outcome::ErrorBody;
use crate::record::{self, COMMAND_BY_NAME, Extension, Record, RecordType};

impl<T> LinkCore<T> {
    /// Writes a message whole, or its opening record when it is large. `Some` is the frame in
    /// which the message is complete.
    pub(super) fn write_message(
        &mut self,
        kind: RecordType,
        command: u16,
        id: CallId,
        mut extension: Extension,
        body: &Body,
    ) -> Option<u64> {
        if !self.is_large(body.bytes.len()) {
            let len = record::HEADER_BYTES + extension.encoded_len() + body.bytes.len();
            let (buffer, sequence) = self.frames.room(len);
            let bytes = body.bytes.len();
            record::encode_header(buffer, kind, body.codec, command, id, &extension, bytes);
            buffer.extend_from_slice(&body.bytes);
            return Some(sequence);
        }
        extension.total_bytes = Some(body.bytes.len() as u32);
        let (buffer, _) = self.frames.room(record::HEADER_BYTES + extension.encoded_len());
        record::encode_header(buffer, kind, body.codec, command, id, &extension, 0);
        if let Some(key) = LargeKey::opened_by(kind, id) {
            self.outgoing.open(key, body.bytes.clone());
        }
        None
    }

    /// True for a body that travels in pieces.
    pub(super) fn is_large(&self, bytes: usize) -> bool {
        bytes > CHUNKED_ABOVE_BYTES.min(self.frames.body_bytes_max())
    }

    pub(super) fn write(&mut self, record: &Record) -> u64 {
        let (buffer, sequence) = self.frames.room(record::encoded_len(record));
        record::encode(record, buffer);
        sequence
    }

    pub(super) fn write_bare(&mut self, kind: RecordType, id: CallId) {
        self.write(&Record::bare(kind, id));
    }

    pub(super) fn write_carrying(&mut self, kind: RecordType, body: Bytes) {
        let mut record = Record::bare(kind, CallId(0));
        record.codec = Codec::Raw;
        record.body = body;
        self.write(&record);
    }

    pub(super) fn write_grants(&mut self, grants: impl IntoIterator<Item = Grant>) {
        for grant in grants {
            let mut record = Record::bare(RecordType::Window, grant.key.id);
            record.command = grant.key.wire();
            record.body = Bytes::copy_from_slice(&grant.bytes.to_be_bytes());
            self.write(&record);
        }
    }

    /// The frame that completes the request, or `None` when pieces of it follow.
    pub(super) fn write_request(
        &mut self,
        request: &Request,
        id: CallId,
        now: Instant,
    ) -> Option<u64> {
        let kind = if request.wants_reply { RecordType::Call } else { RecordType::Cast };
        let (command, command_name) = match &request.command {
            CommandRef::Number(number) => (*number, None),
            CommandRef::Name(name) => (COMMAND_BY_NAME, Some(name.clone())),
        };
        let left = request.deadline.saturating_duration_since(now);
        let extension = Extension {
            deadline_ms: Some(ceil_ms(left)),
            trace: request.trace,
            command_name,
            attempt: request.attempt,
            total_bytes: None,
        };
        self.write_message(kind, command, id, extension, &request.body)
    }

    pub(super) fn write_error(&mut self, id: CallId, error: &ErrorBody) {
        self.write_message(RecordType::Error, 0, id, Extension::default(), &Body::error(error));
    }
}

fn ceil_ms(left: Duration) -> u32 {
    let seconds = left.as_secs().saturating_mul(1000);
    let ms = seconds.saturating_add(left.subsec_nanos().div_ceil(1_000_000).into());
    u32::try_from(ms).unwrap_or(u32::MAX)
}
