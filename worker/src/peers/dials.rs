//! Who is dialled, and when.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_shared::ids::Incarnation;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::{MemberKey, Status};
use tokio::time::Instant;

use super::effect::Effects;
use super::limits::DIALS_MAX;
use super::peer::Peer;
use super::{Effect, Peers};

/// The dials under way and those that wait for their moment.
#[derive(Debug, Default)]
pub(super) struct Dials {
    /// With the incarnation that we show.
    under_way: BTreeMap<(MemberKey, Incarnation), Incarnation>,
    waiting: BTreeSet<(Instant, MemberKey)>,
    due: BTreeMap<MemberKey, Instant>,
}

impl Dials {
    pub(super) fn is_under_way(&self, key: &MemberKey, incarnation: Incarnation) -> bool {
        self.under_way.contains_key(&(key.clone(), incarnation))
    }

    /// The dial of that incarnation has ended. Gives our own incarnation when it began.
    pub(super) fn ended(
        &mut self,
        key: &MemberKey,
        incarnation: Incarnation,
    ) -> Option<Incarnation> {
        self.under_way.remove(&(key.clone(), incarnation))
    }

    /// The next moment at which somebody is to be dialled; none while as many dials as may be are
    /// under way.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let free = self.under_way.len() < DIALS_MAX;
        self.waiting.first().filter(|_| free).map(|(due, _)| *due)
    }

    fn pop_due(&mut self, now: Instant) -> Option<MemberKey> {
        self.next_due().filter(|due| *due <= now)?;
        let (_, key) = self.waiting.pop_first()?;
        self.due.remove(&key);
        Some(key)
    }

    fn wait(&mut self, key: &MemberKey, due: Option<Instant>) {
        if let Some(before) = self.due.remove(key) {
            self.waiting.remove(&(before, key.clone()));
        }
        if let Some(due) = due {
            self.due.insert(key.clone(), due);
            self.waiting.insert((due, key.clone()));
        }
    }
}

impl Peers {
    /// Something about this peer has changed: it is to be dialled, or no more.
    pub(super) fn reconsider(&mut self, key: &MemberKey, now: Instant) {
        let peer = self.peers.get(key).filter(|peer| self.wants_dial(key, peer, now));
        let due = peer.map(|peer| peer.redial.not_before.unwrap_or(now));
        self.dials.wait(key, due);
    }

    pub(super) fn reconsider_all(&mut self, now: Instant) {
        let keys: Vec<_> = self.peers.keys().cloned().collect();
        keys.iter().for_each(|key| self.reconsider(key, now));
    }

    fn wants_dial(&self, key: &MemberKey, peer: &Peer, now: Instant) -> bool {
        let Some(member) = &peer.record else { return false };
        let is_up = match member.status {
            Status::Joining | Status::Ready => true,
            Status::Lost => peer.lost_since.is_some_and(|since| now < since + self.lease),
            Status::Draining => false,
        };
        is_up
            && !self.draining
            && !peer.draining
            && !peer.redial.over
            && peer.redial.refused_as != Some(self.me.incarnation)
            && !peer.is_linked()
            && !member.addresses.is_empty()
            && self.schema.dials(self.me.key.worker.as_str(), key.worker.as_str())
            && !self.dials.is_under_way(key, peer.incarnation)
    }

    /// Dials whose moment has come.
    pub(super) fn dial_due(&mut self, now: Instant, out: &mut Effects) {
        while let Some(key) = self.dials.pop_due(now) {
            let wanted = self.peers.get(&key).is_some_and(|peer| self.wants_dial(&key, peer, now));
            let Some(peer) = self.peers.get_mut(&key).filter(|_| wanted) else { continue };
            let Some(member) = &peer.record else { continue };
            peer.redial.attempts = peer.redial.attempts.saturating_add(1);
            let dial = (key.clone(), peer.incarnation);
            self.dials.under_way.insert(dial, self.me.incarnation);
            out.push(Effect::Dial {
                incarnation: peer.incarnation,
                node: peer.node,
                addresses: member.addresses.clone(),
                attempt: peer.redial.attempts,
                key,
            });
        }
    }

    pub(super) fn dial_failed(
        &mut self,
        key: &MemberKey,
        incarnation: Incarnation,
        code: Option<CloseCode>,
        now: Instant,
    ) {
        let ours = self.dials.ended(key, incarnation).unwrap_or(self.me.incarnation);
        let random = &self.random;
        if let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.incarnation == incarnation) {
            peer.redial.wait_after(code, ours, random, now);
        }
        self.forget_if_unknown(key);
        self.reconsider(key, now);
    }
}

/// Whether the code says that the other end does not want the link. Its schema may be older or
/// newer than ours, and then one of them changes soon; if not, asking often helps nobody.
pub(super) fn is_denial(code: CloseCode) -> bool {
    match code {
        CloseCode::Denied | CloseCode::NoLongerAllowed | CloseCode::NameTaken => true,
        CloseCode::Leaving
        | CloseCode::Duplicate
        | CloseCode::Exhausted
        | CloseCode::Protocol
        | CloseCode::Stalled
        | CloseCode::Silent
        | CloseCode::Replaced
        | CloseCode::Revoked
        | CloseCode::WrongTarget
        | CloseCode::NotReady => false,
    }
}
