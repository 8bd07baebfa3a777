//! How arguments and replies become bytes: JSON by default, MessagePack with field names or raw
//! bytes by choice of the command. There is no positional codec: a reordered field must never
//! decode to a wrong value.

use std::cell::Cell;

use bytes::buf::Writer;
use bytes::{BufMut, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The encoding of a body, named in every record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// No body.
    None,
    /// JSON (RFC 8259), at most 128 levels deep.
    #[default]
    Json,
    /// MessagePack, structs as maps with field names.
    MessagePack,
    /// The bytes as they are; the type must be [`Bytes`] or another that serialises as bytes.
    Raw,
}

/// A value that cannot be encoded. The fault is in the type: its `Serialize` failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("cannot encode as {codec:?}: {message}")]
pub struct EncodeError {
    /// The codec asked for.
    pub codec: Codec,
    /// What the serialiser said.
    pub message: String,
}

/// A body that cannot be decoded. The fault is the sender's, or the two ends disagree on the type.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("cannot decode {codec:?}: {message}")]
pub struct DecodeError {
    /// The codec that the record named.
    pub codec: Codec,
    /// What the deserialiser said.
    pub message: String,
}

impl Codec {
    /// The number on the wire.
    pub fn wire(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Json => 1,
            Self::MessagePack => 2,
            Self::Raw => 3,
        }
    }

    /// The codec of a number on the wire, if there is one.
    pub fn from_wire(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::None),
            1 => Some(Self::Json),
            2 => Some(Self::MessagePack),
            3 => Some(Self::Raw),
            _ => None,
        }
    }

    /// Encodes `value`.
    ///
    /// # Errors
    /// The value's `Serialize` failed, or the codec is one that carries no typed value.
    pub fn encode<T: Serialize>(self, value: &T) -> Result<Bytes, EncodeError> {
        let encoded = match self {
            Self::Json => in_block(|block| {
                serde_json::to_writer(block, value).map_err(|error| error.to_string())
            }),
            Self::MessagePack => in_block(|mut block| {
                rmp_serde::encode::write_named(&mut block, value).map_err(|error| error.to_string())
            }),
            Self::None | Self::Raw => Err("this codec carries bytes, not values".to_owned()),
        };
        encoded.map_err(|message| EncodeError { codec: self, message })
    }

    /// Decodes a body. Nothing may be left over.
    ///
    /// # Errors
    /// The bytes are not a value of this type in this codec.
    pub fn decode<T: DeserializeOwned>(self, body: &[u8]) -> Result<T, DecodeError> {
        let decoded = match self {
            Self::Json => serde_json::from_slice(body).map_err(|error| error.to_string()),
            Self::MessagePack => decode_message_pack(body),
            // A command without arguments is `()` or a unit struct, which JSON writes as null.
            Self::None => serde_json::from_slice(b"null").map_err(|error| error.to_string()),
            Self::Raw => Err("this codec carries bytes, not values".to_owned()),
        };
        decoded.map_err(|message| DecodeError { codec: self, message })
    }
}

/// Bytes of memory that small values are encoded into side by side, so that one takes no memory of
/// its own.
const BLOCK_BYTES: usize = 8 << 10;

/// A value begins in a new block when less than this is left of one, so that small values are not
/// moved while they grow.
const ROOM_BYTES: usize = 512;

thread_local! {
    /// What is left of this thread's block.
    static BLOCK: Cell<BytesMut> = Cell::default();
}

/// Encodes into the block of this thread.
fn in_block(
    encode: impl FnOnce(Writer<&mut BytesMut>) -> Result<(), String>,
) -> Result<Bytes, String> {
    // A value may encode others while it is encoded: they find no block and begin one.
    let mut block = BLOCK.take();
    if block.capacity() < ROOM_BYTES {
        block.reserve(BLOCK_BYTES);
    }
    let encoded = encode((&mut block).writer());
    let bytes = block.split().freeze();
    if bytes.len() <= BLOCK_BYTES {
        BLOCK.set(block);
    }
    encoded.map(|()| bytes)
}

fn decode_message_pack<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let mut rest = body;
    let mut input = rmp_serde::Deserializer::new(&mut rest);
    input.set_max_depth(crate::codec::DEPTH_MAX);
    let value = T::deserialize(&mut input).map_err(|error| error.to_string())?;
    if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes left over", rest.len())) }
}

/// How deep a body may nest, in levels; more is refused. The JSON parser has the same limit.
pub const DEPTH_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: u32,
        label: String,
    }

    #[test]
    fn both_codecs_read_back_what_they_wrote() {
        let point = Point { x: 7, label: "é".into() };
        for codec in [Codec::Json, Codec::MessagePack] {
            let body = codec.encode(&point).unwrap();
            assert_eq!(codec.decode::<Point>(&body).unwrap(), point);
            let mut more = body.to_vec();
            more.push(b'1');
            assert!(codec.decode::<Point>(&more).is_err(), "{codec:?} reads what is left over");
        }
    }

    #[test]
    fn values_side_by_side_do_not_touch() {
        let of = |x: u32, len: usize| Point { x, label: "z".repeat(len) };
        let sizes = [0, 1, 500, 600, 3 * BLOCK_BYTES, 7, BLOCK_BYTES, 9];
        let points: Vec<_> = (0..400).map(|x| of(x, sizes[x as usize % sizes.len()])).collect();
        let bodies: Vec<_> =
            points.iter().map(|point| Codec::Json.encode(point).unwrap()).collect();
        for (point, body) in points.iter().zip(&bodies) {
            assert_eq!(&Codec::Json.decode::<Point>(body).unwrap(), point);
        }
    }

    #[test]
    fn depth_bombs_are_refused() {
        let json = "[".repeat(200_000);
        assert!(Codec::Json.decode::<serde_json::Value>(json.as_bytes()).is_err());
        let pack = vec![0x91; 200_000];
        assert!(Codec::MessagePack.decode::<serde_json::Value>(&pack).is_err());
        let announced = [0xdd, 0xff, 0xff, 0xff, 0xff];
        assert!(Codec::MessagePack.decode::<Vec<u64>>(&announced).is_err());
    }
}
