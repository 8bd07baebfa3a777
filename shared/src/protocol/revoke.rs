//! `revoke`: tickets that are no longer good. CAST.

use serde::{Deserialize, Serialize};

use super::{bounded, limits};

/// Tickets that are no longer good, to be added to those known. The welcome carries all that have
/// not expired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoke {
    /// The tickets, by serial. A live link whose peer showed one of them is closed.
    #[serde(deserialize_with = "bounded::list::<{ limits::REVOCATIONS_MAX }, _, _>")]
    pub tickets: Vec<Revocation>,
}

/// One revoked ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revocation {
    /// Its serial.
    pub serial: u64,
    /// When it would have expired, unix seconds; the entry may be dropped then.
    pub until_unix_s: u64,
}
