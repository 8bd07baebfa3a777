//! An operator takes tickets back.

use std::collections::BTreeMap;
use std::sync::Arc;

use meshwork_shared::ids::NodeId;
use meshwork_shared::protocol::limits::REVOCATIONS_MAX;
use meshwork_shared::protocol::{MemberKey, RemovalReason, Revocation, Revoke};
use meshwork_shared::ticket::{Claims, Revocations, Validity};

use super::roster::Record;
use super::{Audit, CloseReason, Effect, Now, Registry, RevokeError, RevokeTarget};

/// What was revoked and has not ended by itself yet. Bounded by [`REVOCATIONS_MAX`] each.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    serials: Revocations,
    /// Keys that are refused, each with the unix second from which it is forgotten.
    nodes: BTreeMap<NodeId, u64>,
}

impl Revoked {
    /// What was written down, up to the bound.
    pub(super) fn restore(serials: BTreeMap<u64, u64>, nodes: BTreeMap<NodeId, u64>) -> Self {
        let mut revoked = Self::default();
        for (serial, not_after) in serials.into_iter().take(REVOCATIONS_MAX) {
            // Within the bound, so it fits.
            let _ = revoked.serials.revoke(serial, not_after);
        }
        revoked.nodes = nodes.into_iter().take(REVOCATIONS_MAX).collect();
        revoked
    }

    /// Whether a process with this key and ticket is refused.
    pub(super) fn covers(&self, node: NodeId, ticket: Option<&Claims>) -> bool {
        self.nodes.contains_key(&node)
            || ticket.is_some_and(|claims| self.serials.contains(claims.serial))
    }

    /// All revoked tickets, as they are sent.
    pub(super) fn list(&self) -> Revoke {
        let ticket = |(serial, until_unix_s)| Revocation { serial, until_unix_s };
        Revoke { tickets: self.serials.iter().map(ticket).collect() }
    }

    pub(super) fn serials(&self) -> BTreeMap<u64, u64> {
        self.serials.iter().collect()
    }

    pub(super) fn nodes(&self) -> BTreeMap<NodeId, u64> {
        self.nodes.clone()
    }

    pub(super) fn forget_ended(&mut self, unix_s: u64) {
        // Peers whose clock is late still hold the ticket for good.
        let before = unix_s.saturating_sub(Validity::EARLY_S);
        self.serials.forget_ended(before);
        self.nodes.retain(|_, until| *until >= before);
    }

    /// Revokes all of `tickets` and `node`, or nothing.
    fn add(
        &mut self,
        tickets: &[Revocation],
        node: Option<(NodeId, u64)>,
    ) -> Result<(), RevokeError> {
        let new = tickets.iter().filter(|ticket| !self.serials.contains(ticket.serial)).count();
        if self.serials.iter().count() + new > REVOCATIONS_MAX
            || (node.is_some() && self.nodes.len() >= REVOCATIONS_MAX)
        {
            return Err(RevokeError::Full);
        }
        for ticket in tickets {
            self.serials
                .revoke(ticket.serial, ticket.until_unix_s)
                .map_err(|_| RevokeError::Full)?;
        }
        if let Some((node, until)) = node {
            let end = self.nodes.entry(node).or_default();
            *end = until.max(*end);
        }
        Ok(())
    }
}

impl Registry {
    pub(super) fn revoke(&mut self, target: RevokeTarget, now: Now, out: &mut Vec<Effect>) {
        let outcome = self.revoke_target(target, now, out);
        out.push(Effect::Revoked(outcome));
    }

    fn revoke_target(
        &mut self,
        target: RevokeTarget,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Result<Vec<MemberKey>, RevokeError> {
        // A ticket that is not known here ends with the lifetime of one signed now, at the latest.
        let until = Validity::starting(now.unix_s()).not_after;
        let key = self.member_of_target(&target);
        let record = key.as_ref().and_then(|key| self.roster.record(key));
        let tickets = match (&target, record) {
            (_, Some(record)) => tickets_of(record),
            (RevokeTarget::Member(_), None) => return Err(RevokeError::UnknownMember),
            (RevokeTarget::Serial(serial), None) => {
                vec![Revocation { serial: *serial, until_unix_s: until }]
            }
            (RevokeTarget::Node(_), None) => Vec::new(),
        };
        let node = match (&target, record) {
            (_, Some(record)) => Some(record.member.node),
            (RevokeTarget::Node(node), None) => Some(*node),
            (RevokeTarget::Member(_) | RevokeTarget::Serial(_), None) => None,
        };
        self.revoked.add(&tickets, node.map(|node| (node, until)))?;
        self.persist_due = true;
        if let Some(key) = &key {
            self.remove(key, RemovalReason::Revoked, Some(CloseReason::Revoked), now, out);
        }
        out.push(Effect::Audit(Audit::Revoked { node, tickets: tickets.len() }));
        if !tickets.is_empty() {
            let revoke = Arc::new(Revoke { tickets });
            let push = |(_, session)| Effect::PushRevoke { session, revoke: Arc::clone(&revoke) };
            out.extend(self.roster.sessions().into_iter().map(push));
        }
        Ok(key.into_iter().collect())
    }

    fn member_of_target(&self, target: &RevokeTarget) -> Option<MemberKey> {
        match target {
            RevokeTarget::Member(key) => self.roster.record(key).map(|_| key.clone()),
            RevokeTarget::Node(node) => self.roster.key_of_node(*node).cloned(),
            RevokeTarget::Serial(serial) => {
                let holds = |record: &Record| record.serials().any(|(held, _)| held == *serial);
                let found = self.roster.records().find(|(_, record)| holds(record));
                found.map(|(key, _)| key.clone())
            }
        }
    }
}

fn tickets_of(record: &Record) -> Vec<Revocation> {
    let ticket = |(serial, until_unix_s)| Revocation { serial, until_unix_s };
    record.serials().map(ticket).collect()
}
