//! The numbers that must never repeat, whatever happens to the clock or the disk.

use std::collections::BTreeMap;

use meshwork_schema::Fingerprint;
use meshwork_shared::ids::NodeId;

/// How far ahead the mark is written down, so that not every number costs a write. A restart may
/// skip as many.
pub(super) const RESERVE: u64 = 60_000;

/// What survives a restart, where a state directory is writable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    /// No number given out is higher than this.
    pub high: u64,
    /// Number and fingerprint of the schema.
    pub schema: Option<(u64, Fingerprint)>,
    /// Revoked serials, each with the unix second at which its ticket ends.
    pub revoked_serials: BTreeMap<u64, u64>,
    /// Refused node keys, each with the unix second from which it is forgotten.
    pub revoked_nodes: BTreeMap<NodeId, u64>,
}

/// Gives out incarnations, serials, schema numbers and epochs: each is unix milliseconds, or one
/// more than the highest number ever seen.
///
/// ```
/// use meshwork_master::registry::Numbers;
///
/// let mut numbers = Numbers::default();
/// assert_eq!(numbers.next(1_000), 1_000);
/// assert_eq!(numbers.next(1_000), 1_001);
/// numbers.observe(5_000);                       // in a validly signed ticket
/// assert_eq!(numbers.next(1_002), 5_001);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    high: u64,
    reserved: u64,
}

impl Numbers {
    /// Goes on after the mark that was written down.
    pub fn after(high: u64) -> Self {
        Self { high, reserved: high }
    }

    /// The next number.
    pub fn next(&mut self, unix_ms: u64) -> u64 {
        self.high = unix_ms.max(self.high.saturating_add(1));
        self.high
    }

    /// Takes note of a number in a validly signed ticket or schema. True if it is higher than all
    /// numbers known here.
    pub fn observe(&mut self, seen: u64) -> bool {
        let higher = seen > self.high;
        self.high = self.high.max(seen);
        higher
    }

    /// The mark to write down, if the one written down has been reached.
    pub fn take_reservation(&mut self) -> Option<u64> {
        if self.high <= self.reserved {
            return None;
        }
        self.reserved = self.high.saturating_add(RESERVE);
        Some(self.reserved)
    }

    /// The mark to write down now in any case.
    pub fn mark(&self) -> u64 {
        self.reserved.max(self.high)
    }
}
