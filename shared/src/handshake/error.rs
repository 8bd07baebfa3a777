//! Why a handshake ended without a link.

use super::introduction::IntroductionError;

/// Why a handshake failed. To the peer every one of these looks the same: the connection closes
/// without a byte. None carries text of the peer. Whether dialling again helps depends on the
/// cause; nothing was executed, so that it is always safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The connection does not start with the protocol's magic: something else was pointed here.
    #[error("the peer does not speak this protocol")]
    Magic,
    /// The peer speaks another version of the protocol; update the older one of the two.
    #[error("the peer speaks version {version} of the protocol")]
    Version {
        /// The version that the peer speaks.
        version: u8,
    },
    /// The preamble asks for a kind of link that does not exist.
    #[error("there is no link of kind {kind}")]
    Kind {
        /// The kind asked for.
        kind: u8,
    },
    /// The preamble sets flags, and version 1 has none.
    #[error("the preamble sets flags that version 1 does not have")]
    Flags,
    /// A message is shorter or longer than it can be. Seen before a byte is reserved for it.
    #[error("message {message} cannot have {length} bytes")]
    Length {
        /// Which message of the handshake, from 1.
        message: u8,
        /// What it says to be long, bytes.
        length: u16,
    },
    /// The dialer's pre-shared key is not one of ours: another mesh, or a secret rotated out.
    #[error("no secret here has the peer's id")]
    UnknownPsk,
    /// A message does not hold: in the first one the pre-shared key differs; in a later one bytes
    /// were changed, or the peer does not own the key that it shows.
    #[error("message {message} proves nothing")]
    Unproven {
        /// Which message of the handshake, from 1.
        message: u8,
    },
    /// The peer showed a key of low order, with which every secret would be the same.
    #[error("the peer's key is of low order")]
    LowOrder,
    /// The peer holds the node key of this very process: a dial that came back to its sender, or a
    /// key file used twice.
    #[error("the peer has the node key of this process")]
    Oneself,
    /// What the peer says of itself cannot be read.
    #[error("message {message}: {cause}")]
    Introduction {
        /// Which message of the handshake, from 1.
        message: u8,
        /// What is wrong with it.
        cause: IntroductionError,
    },
    /// A step was taken that was not asked for, or after an error: a bug of the caller.
    #[error("the handshake was driven out of order")]
    OutOfOrder,
}

impl HandshakeError {
    /// A short label for counters and rate-limited logs.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Magic => "magic",
            Self::Version { .. } => "version",
            Self::Kind { .. } => "kind",
            Self::Flags => "flags",
            Self::Length { .. } => "length",
            Self::UnknownPsk => "unknown_psk",
            Self::Unproven { message: 1 } => "wrong_psk",
            Self::Unproven { .. } => "unproven",
            Self::LowOrder => "low_order",
            Self::Oneself => "oneself",
            Self::Introduction { .. } => "introduction",
            Self::OutOfOrder => "out_of_order",
        }
    }
}
