//! Serials of revoked tickets, each kept until its ticket has ended by itself.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::protocol::limits::REVOCATIONS_MAX;

/// More tickets are revoked at a time than are remembered. Nothing was dropped; replace the
/// authority key instead, which ends all tickets at once.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("more than {REVOCATIONS_MAX} revoked tickets at a time; replace the authority key instead")]
pub struct TooManyRevocations;

/// The revoked serials, at most [`REVOCATIONS_MAX`].
#[derive(Clone, Debug, Default)]
pub struct Revocations(BTreeMap<u64, u64>);

impl Revocations {
    /// Remembers `serial` until its ticket ends at unix second `not_after`.
    ///
    /// # Errors
    /// [`TooManyRevocations`] at the bound, for a serial that is not there yet.
    pub fn revoke(&mut self, serial: u64, not_after: u64) -> Result<(), TooManyRevocations> {
        if self.0.len() >= REVOCATIONS_MAX && !self.0.contains_key(&serial) {
            return Err(TooManyRevocations);
        }
        let end = self.0.entry(serial).or_default();
        *end = not_after.max(*end);
        Ok(())
    }

    /// Whether `serial` is revoked.
    pub fn contains(&self, serial: u64) -> bool {
        self.0.contains_key(&serial)
    }

    /// Drops those whose tickets ended before unix second `before`.
    pub fn forget_ended(&mut self, before: u64) {
        self.0.retain(|_, not_after| *not_after >= before);
    }

    /// Serials with the unix second at which each ticket ends, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(serial, not_after)| (*serial, *not_after))
    }
}
