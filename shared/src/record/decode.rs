//! From the plaintext of a frame to its records.

use bytes::{Buf, Bytes};
use thiserror::Error;

use super::{Extension, HEADER_BYTES, Record, RecordType};
use crate::codec::Codec;
use crate::ids::CallId;

/// A frame that was sealed by the peer and yet makes no sense. The fault is the peer's; the link
/// closes with `PROTOCOL`. Nothing after the broken record is read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// The frame ends inside a record.
    #[error("a record is cut short")]
    Short,
    /// A type this version does not know.
    #[error("unknown record type {0}")]
    Type(u8),
    /// A codec this version does not know.
    #[error("unknown codec {0}")]
    Codec(u8),
    /// An extension with a bad length, order or value.
    #[error("malformed extension")]
    Extension,
}

/// Takes the next record off `frame`, or `None` at its end. The body shares the frame's memory.
///
/// # Errors
/// [`RecordError`]: the frame is malformed and the link must close.
pub fn decode(frame: &mut Bytes) -> Result<Option<Record>, RecordError> {
    if frame.is_empty() {
        return Ok(None);
    }
    let Some(header) = frame.first_chunk::<HEADER_BYTES>() else {
        return Err(RecordError::Short);
    };
    let [kind, codec, c0, c1, l0, l1, l2, l3, id @ ..] = *header;
    let record_type = RecordType::from_wire(kind & 0x7f).ok_or(RecordError::Type(kind))?;
    let codec = Codec::from_wire(codec).ok_or(RecordError::Codec(codec))?;
    let body_len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let mut start = HEADER_BYTES;
    let mut extension = Extension::default();
    if kind & 0x80 != 0 {
        let len = frame[start..].first_chunk::<2>().ok_or(RecordError::Short)?;
        let fields = start + 2..start + 2 + usize::from(u16::from_be_bytes(*len));
        start = fields.end;
        extension = Extension::decode(frame, fields)?;
    }
    if frame.len() - start < body_len {
        return Err(RecordError::Short);
    }
    frame.advance(start);
    Ok(Some(Record {
        kind: record_type,
        codec,
        command: u16::from_be_bytes([c0, c1]),
        call_id: CallId(u64::from_be_bytes(id)),
        extension,
        body: if body_len == 0 { Bytes::new() } else { frame.split_to(body_len) },
    }))
}
