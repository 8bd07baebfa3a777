//! How a large message is named on a link while its pieces travel.

use crate::ids::CallId;
use crate::record::RecordType;

/// Which way a message goes within its call. The two ends number their calls independently, so a
/// call id alone would mix our request with our answer to the peer's call of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Opened by CALL or CAST; the id is of the sender.
    Request,
    /// Opened by REPLY or ERROR; the id is of the receiver.
    Response,
}

/// One large message on a link, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LargeKey {
    pub(crate) role: Role,
    pub(crate) id: CallId,
}

impl LargeKey {
    /// The key of a message by the record that opens it; `None` for records that open none.
    pub(crate) fn opened_by(kind: RecordType, id: CallId) -> Option<Self> {
        let role = match kind {
            RecordType::Call | RecordType::Cast => Role::Request,
            RecordType::Reply | RecordType::Error => Role::Response,
            _ => return None,
        };
        Some(Self { role, id })
    }

    /// The key that the `command` field of CHUNK, END and WINDOW names.
    pub(crate) fn from_wire(command: u16, id: CallId) -> Option<Self> {
        let kind = u8::try_from(command).ok().and_then(RecordType::from_wire)?;
        Self::opened_by(kind, id)
    }

    /// What stands in the `command` field of CHUNK, END and WINDOW.
    pub(crate) fn wire(self) -> u16 {
        match self.role {
            Role::Request => RecordType::Call as u16,
            Role::Response => RecordType::Reply as u16,
        }
    }
}
