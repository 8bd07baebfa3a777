//! The three messages on the stream: a length, then that many bytes.

use std::ops::RangeInclusive;

use bytes::{Buf, BytesMut};

use super::error::HandshakeError;
use crate::aead::TAG_BYTES;
use crate::limits::HANDSHAKE_MESSAGE_BYTES_MAX;

/// Bytes that a read buffer needs so that every handshake makes progress. Reading into a larger
/// one only means that frames behind the handshake come along.
pub const READ_BYTES_MAX: usize = 2 * (2 + HANDSHAKE_MESSAGE_BYTES_MAX);

const LENGTH_BYTES: usize = 2;
const KEY_BYTES: usize = 32;

/// A message of the handshake, by what it can be long.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message {
    /// `psk, e` and an empty payload.
    First,
    /// `e, ee, s, es` and the acceptor's introduction.
    Second,
    /// `s, se` and the dialer's introduction.
    Third,
}

impl Message {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Third => 3,
        }
    }

    /// Bytes that the message has beside its payload.
    pub(super) fn overhead(self) -> usize {
        match self {
            Self::First => KEY_BYTES + TAG_BYTES,
            Self::Second => KEY_BYTES + KEY_BYTES + TAG_BYTES + TAG_BYTES,
            Self::Third => KEY_BYTES + TAG_BYTES + TAG_BYTES,
        }
    }

    fn lengths(self) -> RangeInclusive<usize> {
        match self {
            Self::First => self.overhead()..=self.overhead(),
            Self::Second | Self::Third => self.overhead()..=HANDSHAKE_MESSAGE_BYTES_MAX,
        }
    }

    /// Takes this message out of `input` once it is complete. Its length is judged as soon as it
    /// is there.
    pub(super) fn take(self, input: &mut BytesMut) -> Result<Option<BytesMut>, HandshakeError> {
        let Some(header) = input.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u16::from_be_bytes(*header);
        if !self.lengths().contains(&usize::from(length)) {
            return Err(HandshakeError::Length { message: self.number(), length });
        }
        let end = LENGTH_BYTES + usize::from(length);
        if input.len() < end {
            return Ok(None);
        }
        let mut message = input.split_to(end);
        message.advance(LENGTH_BYTES);
        Ok(Some(message))
    }
}
