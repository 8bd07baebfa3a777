//! What is counted of links, dials and refusals: rare enough for plain counters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use meshwork_shared::admission::HandshakeCounters;
use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::MemberKey;

/// Peers that are remembered for having been linked before; beyond it a link that is made again
/// counts as a first one.
const PARTED_MAX: usize = 4096;

/// Counters of a worker.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How handshakes of those who dialled us ended.
    pub(crate) handshakes: Arc<HandshakeCounters>,
    pub(crate) dials_linked: AtomicU64,
    pub(crate) dials_failed: AtomicU64,
    /// Links that were refused after a handshake that held.
    pub(crate) links_refused: AtomicU64,
    pub(crate) links_made: AtomicU64,
    pub(crate) links_ended: AtomicU64,
    pub(crate) reconnects: AtomicU64,
    /// Sessions with the master that began.
    pub(crate) sessions: AtomicU64,
    /// Calls of peers for a command that is not there, or that they may not call.
    pub(crate) refused_missing: AtomicU64,
    pub(crate) refused_denied: AtomicU64,
    /// Of the list of members, as the master numbers it.
    pub(crate) view: AtomicU64,
    parted: Mutex<BTreeMap<MemberKey, Incarnation>>,
}

/// One more.
pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    /// A link leads to a process to which there was none.
    pub(crate) fn linked(&self, key: &MemberKey, incarnation: Incarnation) {
        add(&self.links_made);
        let mut parted = self.parted.lock().unwrap_or_else(PoisonError::into_inner);
        if parted.remove(key) == Some(incarnation) {
            add(&self.reconnects);
        }
    }

    /// No link leads to a process any more.
    pub(crate) fn parted(&self, key: &MemberKey, incarnation: Incarnation) {
        add(&self.links_ended);
        let mut parted = self.parted.lock().unwrap_or_else(PoisonError::into_inner);
        if parted.len() < PARTED_MAX || parted.contains_key(key) {
            parted.insert(key.clone(), incarnation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_process_again_is_a_reconnect() {
        let tally = Tally::default();
        let key = MemberKey { worker: "shop".parse().unwrap(), variant: "corner".parse().unwrap() };
        for (incarnation, reconnects) in [(1, 0), (1, 1), (2, 1), (2, 2)] {
            tally.linked(&key, Incarnation(incarnation));
            assert_eq!(tally.reconnects.load(Ordering::Relaxed), reconnects);
            tally.parted(&key, Incarnation(incarnation));
        }
    }
}
