//! From records to the plaintext of a frame.

use bytes::BufMut;

use super::{Extension, HEADER_BYTES, Record, RecordType};
use crate::codec::Codec;
use crate::ids::CallId;

/// Longest text of a CLOSE record, in bytes; more is cut.
const CLOSE_TEXT_BYTES_MAX: usize = 256;

/// Bytes that [`encode`] will append.
pub fn encoded_len(record: &Record) -> usize {
    HEADER_BYTES + record.extension.encoded_len() + record.body.len()
}

/// Appends `record` to the plaintext of a frame.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    let Record { kind, codec, command, call_id, extension, body } = record;
    encode_header(out, *kind, *codec, *command, *call_id, extension, body.len());
    out.extend_from_slice(body);
}

/// Appends everything of a record but its body, for bodies that are not in one piece.
pub fn encode_header(
    out: &mut Vec<u8>,
    kind: RecordType,
    codec: Codec,
    command: u16,
    call_id: CallId,
    extension: &Extension,
    body_len: usize,
) {
    let flag = if extension.is_empty() { 0 } else { 0x80 };
    let mut header = [0; HEADER_BYTES];
    header[0] = kind as u8 | flag;
    header[1] = codec.wire();
    header[2..4].copy_from_slice(&command.to_be_bytes());
    header[4..8].copy_from_slice(&(body_len as u32).to_be_bytes());
    header[8..].copy_from_slice(&call_id.0.to_be_bytes());
    out.reserve(HEADER_BYTES + extension.encoded_len() + body_len);
    out.extend_from_slice(&header);
    if let Some(extension) = extension.of_a_plain_call() {
        out.extend_from_slice(&extension);
    } else {
        extension.encode(out);
    }
}

/// Appends a CLOSE record. `text` is cut at 256 bytes, at the border of a character.
pub fn encode_close(code: u16, text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(CLOSE_TEXT_BYTES_MAX)];
    let len = 2 + text.len();
    let id = CallId(0);
    encode_header(out, RecordType::Close, Codec::None, 0, id, &Extension::default(), len);
    out.put_u16(code);
    out.extend_from_slice(text.as_bytes());
}
