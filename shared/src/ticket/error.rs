//! Why a ticket is refused: one variant per cause, in the order of the checks.

use thiserror::Error;

use super::{Role, SKEW_MAX_S, TICKET_BYTES_MIN};
use crate::identity::AuthorityId;
use crate::ids::{Incarnation, MeshId};
use crate::limits::TICKET_BYTES_MAX;

/// Why a ticket is refused. Local: a peer is told nothing but that the link ends. Retrying with the
/// same ticket helps only where it is said.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TicketError {
    /// No ticket has that length; the peer speaks another version, or is hostile.
    #[error("a ticket of {bytes} bytes; they have {TICKET_BYTES_MIN} to {TICKET_BYTES_MAX}")]
    Length {
        /// Bytes given.
        bytes: usize,
    },
    /// Signed by an authority that is not trusted here: another mesh, or a master that lost its
    /// key.
    #[error("the ticket is signed by authority {0}, which is not trusted here")]
    UnknownAuthority(AuthorityId),
    /// The authority did not sign these bytes: forged or damaged.
    #[error("the signature of the ticket does not match")]
    Signature,
    /// Signed, but not a ticket of this version; the field where it went wrong. The master is
    /// newer.
    #[error("the ticket is malformed at its {0}")]
    Malformed(&'static str),
    /// The ticket of another process: a stolen one.
    #[error("the ticket belongs to another process")]
    Subject,
    /// The ticket of another mesh under the same authority.
    #[error("the ticket is for mesh {found}, this is another")]
    Mesh {
        /// The mesh it is for.
        found: MeshId,
    },
    /// A worker where the master was expected, or the other way round.
    #[error("the ticket is a {found}'s, but a {expected} was expected")]
    Role {
        /// What was expected.
        expected: Role,
        /// What it is.
        found: Role,
    },
    /// It starts later, by more than clocks may differ. One of the clocks is wrong; mend it, then
    /// retry.
    #[error(
        "the ticket starts at unix {not_before} s by the master's clock, but it is {now} s \
         by ours: {} s apart, at most {SKEW_MAX_S} s are forgiven; check the clocks",
        .not_before - .now
    )]
    NotYetValid {
        /// Our clock, unix seconds.
        now: u64,
        /// The master's: first second of the ticket.
        not_before: u64,
    },
    /// It ended, by more than clocks may differ. The peer has to renew it at the master, or one of
    /// the clocks is wrong; then retry.
    #[error(
        "the ticket ended at unix {not_after} s by the master's clock, and it is {now} s by ours: \
         {} s apart, at most {SKEW_MAX_S} s are forgiven; is the master away, or a clock wrong?",
        .now - .not_after
    )]
    Expired {
        /// Our clock, unix seconds.
        now: u64,
        /// The master's: last second of the ticket.
        not_after: u64,
    },
    /// The operator revoked it. The peer has to be admitted anew.
    #[error("the ticket with serial {serial} is revoked")]
    Revoked {
        /// Its serial.
        serial: u64,
    },
    /// A later life of the same variant was seen: the peer is a leftover of an earlier one.
    #[error("the ticket is of incarnation {found}, but {highest} was seen already")]
    Incarnation {
        /// What it says.
        found: Incarnation,
        /// The highest seen.
        highest: Incarnation,
    },
}

impl TicketError {
    /// A short fixed name of the cause, for counters and rate-limited logs.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Length { .. } => "ticket_length",
            Self::UnknownAuthority(_) => "ticket_authority",
            Self::Signature => "ticket_signature",
            Self::Malformed(_) => "ticket_malformed",
            Self::Subject => "ticket_subject",
            Self::Mesh { .. } => "ticket_mesh",
            Self::Role { .. } => "ticket_role",
            Self::NotYetValid { .. } => "ticket_not_yet_valid",
            Self::Expired { .. } => "ticket_expired",
            Self::Revoked { .. } => "ticket_revoked",
            Self::Incarnation { .. } => "ticket_incarnation",
        }
    }
}
