//! The optional part of a record: `u16 length`, then `type u8 | length u8 | value`, ascending.

use std::ops::Range;

use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};

use super::RecordError;

const DEADLINE: u8 = 1;
const TRACE: u8 = 2;
const COMMAND_NAME: u8 = 3;
const ATTEMPT: u8 = 4;
const TOTAL: u8 = 5;

/// Longest command name on the wire, in bytes; the schema's own limit is the same.
const COMMAND_NAME_BYTES_MAX: usize = 64;

/// W3C trace context in its binary form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// Identity of the whole trace.
    pub trace_id: [u8; 16],
    /// The caller's span.
    pub span_id: [u8; 8],
    /// Bit 0: sampled.
    pub flags: u8,
}

impl TraceContext {
    /// Bytes of its binary form.
    pub const BYTES: usize = 25;

    /// Its binary form: the two identities and the flags.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.trace_id);
        bytes[16..24].copy_from_slice(&self.span_id);
        bytes[24] = self.flags;
        bytes
    }

    /// Reads the binary form; `None` for bytes that are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (trace_id, rest) = bytes.split_first_chunk()?;
        let (span_id, flags) = rest.split_first_chunk()?;
        let [flags] = *flags else { return None };
        Some(Self { trace_id: *trace_id, span_id: *span_id, flags })
    }
}

/// Texts of W3C trace contexts begin so: the only version there is.
const TRACEPARENT_VERSION: &str = "00";

impl TraceContext {
    /// As the header `traceparent` of HTTP has it.
    ///
    /// ```
    /// use meshwork_shared::record::TraceContext;
    ///
    /// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let trace = TraceContext::from_traceparent(header).unwrap();
    /// assert_eq!(trace.traceparent(), header);
    /// assert!(TraceContext::from_traceparent("00-0-0-01").is_none());
    /// ```
    pub fn traceparent(&self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let (trace, span) = (hex(&self.trace_id), hex(&self.span_id));
        format!("{TRACEPARENT_VERSION}-{trace}-{span}-{:02x}", self.flags)
    }

    /// Reads the header `traceparent`; `None` if it is none, or all zeros.
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let is_known = parts.next() == Some(TRACEPARENT_VERSION);
        let trace_id = unhex::<16>(parts.next()?)?;
        let span_id = unhex::<8>(parts.next()?)?;
        let [flags] = unhex::<1>(parts.next()?)?;
        let is_sound = is_known
            && parts.next().is_none()
            && trace_id.iter().any(|byte| *byte != 0)
            && span_id.iter().any(|byte| *byte != 0);
        is_sound.then_some(Self { trace_id, span_id, flags })
    }
}

/// Bytes of lower-case hex digits.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * N || !text.bytes().all(is_hex) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// What not every record carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extension {
    /// Time that is left for the call, in milliseconds, rounded up.
    pub deadline_ms: Option<u32>,
    /// The trace that the call is part of.
    pub trace: Option<TraceContext>,
    /// Name of the command, when `command` is [`super::COMMAND_BY_NAME`].
    pub command_name: Option<Bytes>,
    /// Which attempt of a job this is, from 1.
    pub attempt: Option<u32>,
    /// Total bytes of a large message, in the record that opens it.
    pub total_bytes: Option<u32>,
}

impl Extension {
    /// True when there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.fields_len() == 0
    }

    /// Bytes that [`Extension::encode`] writes; 0 when empty.
    pub fn encoded_len(&self) -> usize {
        match self.fields_len() {
            0 => 0,
            fields => 2 + fields,
        }
    }

    /// What [`Extension::encode`] writes if it is what almost every call has: its deadline alone.
    pub(super) fn of_a_plain_call(&self) -> Option<[u8; 8]> {
        let Self { deadline_ms, trace, command_name, attempt, total_bytes } = self;
        if trace.is_some() || command_name.is_some() || attempt.is_some() || total_bytes.is_some() {
            return None;
        }
        let [a, b, c, d] = (*deadline_ms)?.to_be_bytes();
        Some([0, 6, DEADLINE, 4, a, b, c, d])
    }

    fn fields_len(&self) -> usize {
        let fixed = |present: bool, len: usize| if present { 2 + len } else { 0 };
        fixed(self.deadline_ms.is_some(), 4)
            + fixed(self.trace.is_some(), TraceContext::BYTES)
            + self.command_name.as_ref().map_or(0, |name| 2 + name.len())
            + fixed(self.attempt.is_some(), 4)
            + fixed(self.total_bytes.is_some(), 4)
    }

    /// Appends the extension; nothing when it is empty.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fields = self.fields_len();
        if fields == 0 {
            return;
        }
        out.put_u16(fields as u16);
        put_u32(out, DEADLINE, self.deadline_ms);
        if let Some(trace) = &self.trace {
            out.extend_from_slice(&[TRACE, TraceContext::BYTES as u8]);
            out.extend_from_slice(&trace.to_bytes());
        }
        if let Some(name) = &self.command_name {
            debug_assert!(name.len() <= COMMAND_NAME_BYTES_MAX);
            out.extend_from_slice(&[COMMAND_NAME, name.len() as u8]);
            out.extend_from_slice(name);
        }
        put_u32(out, ATTEMPT, self.attempt);
        put_u32(out, TOTAL, self.total_bytes);
    }

    /// Reads the fields of an extension, which stand at `range` of `frame` without their length.
    /// Unknown types are passed over, so that a newer peer may say more; a repeated or misplaced
    /// one is refused.
    pub(super) fn decode(frame: &Bytes, range: Range<usize>) -> Result<Self, RecordError> {
        let mut rest = frame.get(range).ok_or(RecordError::Short)?;
        let mut extension = Self::default();
        let mut last = 0;
        while !rest.is_empty() {
            let (&[kind, len], after) = rest.split_first_chunk().ok_or(RecordError::Extension)?;
            let (value, after) =
                after.split_at_checked(usize::from(len)).ok_or(RecordError::Extension)?;
            if kind <= last {
                return Err(RecordError::Extension);
            }
            match kind {
                DEADLINE => extension.deadline_ms = Some(read_u32(value)?),
                TRACE => {
                    let trace = TraceContext::from_bytes(value).ok_or(RecordError::Extension)?;
                    extension.trace = Some(trace);
                }
                COMMAND_NAME if value.len() > COMMAND_NAME_BYTES_MAX => {
                    return Err(RecordError::Extension);
                }
                COMMAND_NAME => extension.command_name = Some(frame.slice_ref(value)),
                ATTEMPT => extension.attempt = Some(read_u32(value)?),
                TOTAL => extension.total_bytes = Some(read_u32(value)?),
                _ => {}
            }
            last = kind;
            rest = after;
        }
        Ok(extension)
    }
}

fn put_u32(out: &mut Vec<u8>, kind: u8, value: Option<u32>) {
    if let Some(value) = value {
        out.extend_from_slice(&[kind, 4]);
        out.put_u32(value);
    }
}

fn read_u32(value: &[u8]) -> Result<u32, RecordError> {
    value.try_into().map(u32::from_be_bytes).map_err(|_| RecordError::Extension)
}
