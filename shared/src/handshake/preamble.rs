//! The first 16 bytes of a connection: which protocol, what kind of link, under which secret.

use super::error::HandshakeError;
use crate::secret::{LinkKind, PskId};

/// Bytes of a preamble.
pub const PREAMBLE_BYTES: usize = 16;

const MAGIC: [u8; 4] = *b"MSH1";
const VERSION: u8 = 1;

/// What a dialer says before the first message. It is covered by the handshake's prologue, so that
/// a changed one proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// What the link is for.
    pub kind: LinkKind,
    /// Which pre-shared key the dialer holds.
    pub psk_id: PskId,
}

impl Preamble {
    /// The bytes on the wire.
    pub fn encode(&self) -> [u8; PREAMBLE_BYTES] {
        let mut bytes = [0; PREAMBLE_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = self.kind as u8;
        bytes[8..].copy_from_slice(&self.psk_id.0);
        bytes
    }

    /// Reads what [`Self::encode`] wrote; there is exactly one form of each preamble.
    ///
    /// # Errors
    /// `Magic`, `Version`, `Kind`, `Flags`, in this order.
    pub fn decode(bytes: &[u8; PREAMBLE_BYTES]) -> Result<Self, HandshakeError> {
        let [m0, m1, m2, m3, version, kind, f0, f1, psk_id @ ..] = *bytes;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(HandshakeError::Magic);
        }
        if version != VERSION {
            return Err(HandshakeError::Version { version });
        }
        let kind = LinkKind::from_wire(kind).ok_or(HandshakeError::Kind { kind })?;
        if [f0, f1] != [0, 0] {
            return Err(HandshakeError::Flags);
        }
        Ok(Self { kind, psk_id: PskId(psk_id) })
    }
}
