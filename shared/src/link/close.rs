//! Why links end: the codes of CLOSE records, and what a link's owner is told.

use std::fmt;

/// The code of a CLOSE record. Append only: the numbers are on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum CloseCode {
    /// The process leaves; nothing is wrong.
    Leaving = 0,
    /// The schema allows no link between these two workers, or the ticket is not accepted.
    Denied = 1,
    /// The other of two links that were dialled at the same time is kept.
    Duplicate = 2,
    /// The frame counter is used up; dial again.
    Exhausted = 3,
    /// A record or its order makes no sense.
    Protocol = 4,
    /// What waits to be written is over its bound in bytes or time.
    Stalled = 5,
    /// Nothing was heard for the idle limit.
    Silent = 6,
    /// Another process holds the name by now.
    Replaced = 7,
    /// The authority took the ticket back.
    Revoked = 8,
    /// Another live process has this variant.
    NameTaken = 9,
    /// The dialler reached another process than it wanted.
    WrongTarget = 10,
    /// The schema changed and no longer allows the link.
    NoLongerAllowed = 11,
    /// The acceptor is not ready to be linked to.
    NotReady = 12,
}

impl CloseCode {
    const ALL: [Self; 13] = [
        Self::Leaving,
        Self::Denied,
        Self::Duplicate,
        Self::Exhausted,
        Self::Protocol,
        Self::Stalled,
        Self::Silent,
        Self::Replaced,
        Self::Revoked,
        Self::NameTaken,
        Self::WrongTarget,
        Self::NoLongerAllowed,
        Self::NotReady,
    ];

    /// The number on the wire.
    pub fn wire(self) -> u16 {
        self as u16
    }

    /// The code of a number on the wire; a number of a newer version reads as `None`.
    pub fn from_wire(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// A short word for logs and counters.
    pub fn label(self) -> &'static str {
        match self {
            Self::Leaving => "leaving",
            Self::Denied => "denied",
            Self::Duplicate => "duplicate",
            Self::Exhausted => "exhausted",
            Self::Protocol => "protocol",
            Self::Stalled => "stalled",
            Self::Silent => "silent",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
            Self::NameTaken => "name_taken",
            Self::WrongTarget => "wrong_target",
            Self::NoLongerAllowed => "no_longer_allowed",
            Self::NotReady => "not_ready",
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// How a link ended, as its owner learns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEnd {
    /// This side closed it.
    ClosedHere {
        /// The code that was sent.
        code: CloseCode,
    },
    /// The peer said CLOSE.
    ClosedByPeer {
        /// The peer's code; `None` when this version does not know it.
        code: Option<CloseCode>,
        /// The peer's words. Escape before printing.
        text: String,
    },
    /// The socket ended or failed without a CLOSE.
    Lost {
        /// What the socket said.
        cause: String,
    },
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedHere { code } => write!(f, "closed here ({code})"),
            Self::ClosedByPeer { code: Some(code), text } => {
                write!(f, "closed by the peer ({code}: {})", text.escape_debug())
            }
            Self::ClosedByPeer { code: None, text } => {
                write!(f, "closed by the peer with an unknown code: {}", text.escape_debug())
            }
            Self::Lost { cause } => write!(f, "lost: {cause}"),
        }
    }
}
