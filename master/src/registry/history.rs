//! The incarnations that were removed, so that none comes back and whoever missed it still learns.

use std::collections::BTreeMap;

use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::{MemberKey, Removal, RemovalReason};

/// The last removal of each variant, up to a bound; the oldest is forgotten.
#[derive(Debug)]
pub(super) struct History {
    removals: BTreeMap<MemberKey, (u64, Removal)>,
    by_age: BTreeMap<u64, MemberKey>,
    next: u64,
    max: usize,
}

impl History {
    pub(super) fn new(max: usize) -> Self {
        Self { removals: BTreeMap::new(), by_age: BTreeMap::new(), next: 0, max }
    }

    pub(super) fn add(&mut self, removal: Removal) {
        let key = removal.key.clone();
        if let Some((age, _)) = self.removals.remove(&key) {
            self.by_age.remove(&age);
        }
        self.by_age.insert(self.next, key.clone());
        self.removals.insert(key, (self.next, removal));
        self.next += 1;
        if self.removals.len() > self.max
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.removals.remove(&oldest);
        }
    }

    /// Whether `incarnation` of `key` may be a member: it, and none after it, was removed for good.
    pub(super) fn permits(&self, key: &MemberKey, incarnation: Incarnation) -> bool {
        let Some((_, removal)) = self.removals.get(key) else {
            return true;
        };
        let for_good = match removal.reason {
            RemovalReason::Left | RemovalReason::Replaced | RemovalReason::Revoked => true,
            RemovalReason::NoLongerAllowed | RemovalReason::Expired => false,
        };
        incarnation > removal.incarnation || (incarnation == removal.incarnation && !for_good)
    }

    /// The last removals, latest first.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Removal> {
        self.by_age.values().rev().filter_map(|key| Some(&self.removals.get(key)?.1))
    }
}
