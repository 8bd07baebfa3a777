//! Records: what a frame's plaintext is made of. One frame carries one record or many.
//!
//! ```text
//! record = type u8 | codec u8 | command u16 | body length u32 | call id u64
//!          | [extension if bit 7 of type] | body
//! ```
//!
//! Pure: bytes in, [`Record`]s out, and the way back. Decoding allocates nothing; a body is a slice
//! of the frame it came in.

mod decode;
mod encode;
mod extension;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use decode::{RecordError, decode};
pub use encode::{encode, encode_close, encode_header, encoded_len};
pub use extension::{Extension, TraceContext};

use crate::codec::Codec;
use crate::ids::CallId;

/// Bytes of a record before its extension and body.
pub const HEADER_BYTES: usize = 16;

/// The command number that says: the name stands in the extension.
pub const COMMAND_BY_NAME: u16 = 0xFFFF;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordType {
    /// Asks for a command and wants an answer.
    Call = 1,
    /// The answer of a call.
    Reply = 2,
    /// The call did not succeed; the body is an [`crate::outcome::ErrorBody`] in JSON.
    Error = 3,
    /// Asks for a command and wants no answer.
    Cast = 4,
    /// The caller no longer wants the answer; also withdraws a large message half sent.
    Cancel = 5,
    /// A piece of a large message. `command` is the type of the record that opened it.
    Chunk = 6,
    /// The last piece of a large message.
    End = 7,
    /// Are you alive? The call id comes back in the PONG.
    Ping = 16,
    /// I am; also sent unasked by a process whose handlers hold its link up.
    Pong = 17,
    /// A fresh ticket of the sender.
    Ticket = 18,
    /// Tickets that the authority took back; signed.
    Revoke = 19,
    /// The sender takes no new calls.
    Drain = 20,
    /// Grants `body` (u32) further bytes of a large message. `command` as in CHUNK.
    Window = 21,
    /// The last record of a link: code u16 and a text of at most 256 bytes.
    Close = 32,
}

impl RecordType {
    /// The type of a number on the wire, bit 7 taken off.
    pub fn from_wire(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Call,
            2 => Self::Reply,
            3 => Self::Error,
            4 => Self::Cast,
            5 => Self::Cancel,
            6 => Self::Chunk,
            7 => Self::End,
            16 => Self::Ping,
            17 => Self::Pong,
            18 => Self::Ticket,
            19 => Self::Revoke,
            20 => Self::Drain,
            21 => Self::Window,
            32 => Self::Close,
            _ => return None,
        })
    }
}

/// One record, as read from a frame or about to be written into one.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What it is.
    pub kind: RecordType,
    /// How the body is encoded.
    pub codec: Codec,
    /// The callee's number of the command, or [`COMMAND_BY_NAME`].
    pub command: u16,
    /// The call it belongs to.
    pub call_id: CallId,
    /// What not every record carries.
    pub extension: Extension,
    /// The rest.
    pub body: Bytes,
}

impl Record {
    /// A record with nothing but its kind and call.
    pub fn bare(kind: RecordType, call_id: CallId) -> Self {
        Self {
            kind,
            codec: Codec::None,
            command: 0,
            call_id,
            extension: Extension::default(),
            body: Bytes::new(),
        }
    }
}
