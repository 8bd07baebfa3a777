//! What is never linked to again: incarnations that are gone for good, and revoked tickets.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::{MemberKey, RemovalReason};

use super::limits::{DEPARTED_MAX, REVOKED_MAX};

/// The incarnations that the master said are gone, and the serials that it revoked. Both are
/// bounded; what is forgotten first is the oldest.
#[derive(Debug, Default)]
pub(super) struct Departed {
    incarnations: BTreeMap<MemberKey, (Incarnation, RemovalReason)>,
    serials: BTreeSet<u64>,
}

impl Departed {
    /// `incarnation` of `key` and all before it are gone.
    pub(super) fn add(&mut self, key: &MemberKey, incarnation: Incarnation, why: RemovalReason) {
        match self.incarnations.get(key) {
            Some((known, _)) if *known > incarnation => return,
            None if self.incarnations.len() >= DEPARTED_MAX => self.forget_lowest(),
            Some(_) | None => {}
        }
        self.incarnations.insert(key.clone(), (incarnation, why));
    }

    /// The master names that very incarnation as a member again; it knows best.
    pub(super) fn returned(&mut self, key: &MemberKey, incarnation: Incarnation) {
        if self.incarnations.get(key).is_some_and(|(gone, _)| *gone <= incarnation) {
            self.incarnations.remove(key);
        }
    }

    /// Why that incarnation is gone, if it is.
    pub(super) fn reason(
        &self,
        key: &MemberKey,
        incarnation: Incarnation,
    ) -> Option<RemovalReason> {
        let (gone, reason) = self.incarnations.get(key)?;
        (incarnation <= *gone).then_some(*reason)
    }

    /// The tickets with these serials are no longer good.
    pub(super) fn revoke(&mut self, serials: &[u64]) {
        self.serials.extend(serials);
        while self.serials.len() > REVOKED_MAX {
            self.serials.pop_first();
        }
    }

    /// Whether the ticket with this serial is no longer good.
    pub(super) fn is_revoked(&self, serial: u64) -> bool {
        self.serials.contains(&serial)
    }

    fn forget_lowest(&mut self) {
        let lowest = self.incarnations.iter().min_by_key(|(_, (incarnation, _))| *incarnation);
        if let Some(key) = lowest.map(|(key, _)| key.clone()) {
            self.incarnations.remove(&key);
        }
    }
}
