//! What each end tells of itself inside the handshake, and who it then is.

use super::parameters::Parameters;
use super::reader::Reader;
use crate::ids::NodeId;
use crate::limits::TICKET_BYTES_MAX;

const VERSION: u8 = 1;

/// What one end tells of itself: `1 | u16 + ticket | u16 + parameters`. Sealed for the peer, but
/// no more than a claim until the ticket is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// The ticket, as the authority signed it; empty for a worker that has none yet.
    pub ticket: Vec<u8>,
    /// What else the peer should know.
    pub parameters: Parameters,
}

/// The other end of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its public key, proven to be its own. Never that of this process.
    pub node: NodeId,
    /// What it says of itself, proven by nothing yet.
    pub introduction: Introduction,
}

/// Why an introduction can be neither read nor sent. The fault is the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntroductionError {
    /// It ends early, or has bytes left over.
    #[error("the introduction ends in the wrong place")]
    Truncated,
    /// It is of another version than 1.
    #[error("the introduction is of an unknown version")]
    Version,
    /// It, or the ticket in it, is longer than a message of the handshake takes.
    #[error("the introduction is too long")]
    TooLong,
    /// A parameter comes twice, or after one with a higher number.
    #[error("the parameters are doubled or out of order")]
    Order,
    /// A parameter cannot have that value.
    #[error("parameter {parameter} has an impossible value")]
    Value {
        /// Number of the parameter.
        parameter: u8,
    },
}

impl Introduction {
    /// The bytes on the wire.
    ///
    /// # Errors
    /// `TooLong` if the ticket or a parameter is beyond its bound; `Value` if a parameter holds
    /// what no peer would take.
    pub fn encode(&self) -> Result<Vec<u8>, IntroductionError> {
        if self.ticket.len() > TICKET_BYTES_MAX {
            return Err(IntroductionError::TooLong);
        }
        let parameters = self.parameters.encode()?;
        let mut bytes = Vec::with_capacity(5 + self.ticket.len() + parameters.len());
        bytes.push(VERSION);
        for part in [&self.ticket, &parameters] {
            let length = u16::try_from(part.len()).map_err(|_| IntroductionError::TooLong)?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Ok(bytes)
    }

    /// Reads what [`Self::encode`] wrote. Parameters of unknown numbers are passed over.
    ///
    /// # Errors
    /// [`IntroductionError`]; nothing in it is the peer's text.
    pub fn decode(bytes: &[u8]) -> Result<Self, IntroductionError> {
        let mut reader = Reader(bytes);
        if reader.u8().ok_or(IntroductionError::Truncated)? != VERSION {
            return Err(IntroductionError::Version);
        }
        let mut part = || {
            let length = reader.u16()?;
            reader.take(length.into())
        };
        let ticket = part().ok_or(IntroductionError::Truncated)?;
        let parameters = part().ok_or(IntroductionError::Truncated)?;
        if !reader.is_empty() {
            return Err(IntroductionError::Truncated);
        }
        if ticket.len() > TICKET_BYTES_MAX {
            return Err(IntroductionError::TooLong);
        }
        Ok(Self { ticket: ticket.to_vec(), parameters: Parameters::decode(parameters)? })
    }
}
