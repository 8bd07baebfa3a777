//! The checks of a peer's ticket, in their fixed order. What the schema says about the two names
//! comes after them and is the link's business.

use std::collections::BTreeMap;

use subtle::ConstantTimeEq;
use thiserror::Error;

use super::{
    Bearer, Incarnations, Revocations, Role, Ticket, TicketError, TooManyRevocations, Validity,
};
use crate::identity::{AuthorityId, AuthorityPublic};
use crate::ids::{MeshId, NodeId};

/// How far the clocks of master and checker may differ, in seconds.
pub const SKEW_MAX_S: u64 = 30;
/// Most authorities that are trusted at a time: one, and those that replace it.
pub const AUTHORITIES_MAX: usize = 8;

/// More than [`AUTHORITIES_MAX`] were to be trusted. Nothing changed; drop an old one first.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("more than {AUTHORITIES_MAX} trusted authorities; drop an old one first")]
pub struct TooManyAuthorities;

/// What one process knows when it checks tickets: whom it trusts, which mesh it is in, what was
/// revoked, and which incarnations it has met. Plain data: its owner decides how it is shared.
#[derive(Clone, Debug)]
pub struct TicketPolicy {
    mesh: MeshId,
    authorities: BTreeMap<AuthorityId, AuthorityPublic>,
    revocations: Revocations,
    incarnations: Incarnations,
}

impl TicketPolicy {
    /// Trusts nobody yet.
    pub fn new(mesh: MeshId) -> Self {
        Self {
            mesh,
            authorities: BTreeMap::new(),
            revocations: Revocations::default(),
            incarnations: Incarnations::default(),
        }
    }

    /// Accepts what `authority` signed from now on.
    ///
    /// # Errors
    /// [`TooManyAuthorities`] at the bound.
    pub fn trust(&mut self, authority: AuthorityPublic) -> Result<(), TooManyAuthorities> {
        let id = authority.id();
        if self.authorities.len() >= AUTHORITIES_MAX && !self.authorities.contains_key(&id) {
            return Err(TooManyAuthorities);
        }
        self.authorities.insert(id, authority);
        Ok(())
    }

    /// No longer accepts what that authority signed.
    pub fn distrust(&mut self, id: &AuthorityId) {
        self.authorities.remove(id);
    }

    /// The public key of a trusted authority.
    pub fn authority(&self, id: &AuthorityId) -> Option<&AuthorityPublic> {
        self.authorities.get(id)
    }

    /// Refuses the ticket with `serial`, which ends at unix second `not_after` anyway.
    ///
    /// # Errors
    /// [`TooManyRevocations`] at the bound.
    pub fn revoke(&mut self, serial: u64, not_after: u64) -> Result<(), TooManyRevocations> {
        self.revocations.revoke(serial, not_after)
    }

    /// Takes the list that the master sent in place of the one before.
    pub fn set_revocations(&mut self, revocations: Revocations) {
        self.revocations = revocations;
    }

    /// The revoked serials.
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The incarnations met.
    pub fn incarnations(&self) -> &Incarnations {
        &self.incarnations
    }

    /// Remembers the incarnation of a ticket whose link was accepted, so that an earlier life of
    /// that variant is refused from now on. A master's ticket leaves no trace.
    pub fn observe(&mut self, ticket: &Ticket) {
        if let Bearer::Worker { worker, variant } = &ticket.claims.bearer {
            self.incarnations.observe(worker, variant, ticket.claims.incarnation);
        }
    }

    /// Drops the revocations of tickets that ended by themselves; to be called now and then.
    pub fn forget_ended(&mut self, now_unix_s: u64) {
        self.revocations.forget_ended(now_unix_s.saturating_sub(SKEW_MAX_S));
    }

    /// Checks the ticket that a peer showed: `remote` is the key that the handshake proved,
    /// `expected` the role that the link needs. Changes nothing: call [`Self::observe`] once the
    /// link is accepted.
    ///
    /// # Errors
    /// The first of these to fail: length, known authority, signature, form, subject, mesh, role,
    /// time, revocation, incarnation.
    pub fn check(
        &self,
        bytes: &[u8],
        remote: &NodeId,
        expected: Role,
        now_unix_s: u64,
    ) -> Result<Ticket, TicketError> {
        let ticket = Ticket::open(bytes, |id| self.authorities.get(id).copied())?;
        let claims = &ticket.claims;
        if !bool::from(claims.subject.0.ct_eq(&remote.0)) {
            return Err(TicketError::Subject);
        }
        if claims.mesh != self.mesh {
            return Err(TicketError::Mesh { found: claims.mesh });
        }
        let found = claims.bearer.role();
        if found != expected {
            return Err(TicketError::Role { expected, found });
        }
        check_time(&claims.validity, now_unix_s)?;
        if self.revocations.contains(claims.serial) {
            return Err(TicketError::Revoked { serial: claims.serial });
        }
        self.check_incarnation(&ticket)?;
        Ok(ticket)
    }

    fn check_incarnation(&self, ticket: &Ticket) -> Result<(), TicketError> {
        let Bearer::Worker { worker, variant } = &ticket.claims.bearer else {
            return Ok(());
        };
        let found = ticket.claims.incarnation;
        match self.incarnations.highest(worker, variant) {
            Some(highest) if found < highest => Err(TicketError::Incarnation { found, highest }),
            _ => Ok(()),
        }
    }
}

fn check_time(validity: &Validity, now: u64) -> Result<(), TicketError> {
    let Validity { not_before, not_after } = *validity;
    if now.saturating_add(SKEW_MAX_S) < not_before {
        Err(TicketError::NotYetValid { now, not_before })
    } else if now > not_after.saturating_add(SKEW_MAX_S) {
        Err(TicketError::Expired { now, not_after })
    } else {
        Ok(())
    }
}
