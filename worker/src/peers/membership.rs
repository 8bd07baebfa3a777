//! What the master says: views, deltas, and what becomes of members by them.

use std::collections::BTreeMap;
use std::sync::Arc;

use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::{Change, Delta, Member, MemberKey, Removal, RemovalReason, View};
use tokio::time::Instant;

use super::effect::Effects;
use super::limits::PEERS_MAX;
use super::peer::Peer;
use super::{Effect, Peers};

/// How far this process is in what the master tells.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// Epoch and number of the view as it stands here; none until a view came over this link.
    version: Option<(u64, u64)>,
    /// The epoch of the last view, over whichever link it came.
    epoch: Option<u64>,
    /// A view is on its way: deltas that do not fit are no news.
    awaits_view: bool,
}

impl Feed {
    /// The number of the view as it stands here.
    pub(super) fn number(&self) -> Option<u64> {
        self.version.map(|(_, number)| number)
    }

    /// What was asked of the master before is lost; it sends a view when it is back.
    pub(super) fn interrupt(&mut self) {
        *self = Self { version: None, epoch: self.epoch, awaits_view: true };
    }

    /// There is somebody to ask again.
    pub(super) fn resume(&mut self) {
        self.awaits_view = false;
    }
}

impl Peers {
    pub(super) fn view(&mut self, view: View, now: Instant, out: &mut Effects) {
        let new_epoch = self.feed.epoch != Some(view.epoch);
        self.feed = Feed {
            version: Some((view.epoch, view.number)),
            epoch: Some(view.epoch),
            awaits_view: false,
        };
        for removal in &view.removed {
            self.remove(removal, now, out);
        }
        let planted = cfg!(mutate = "stale_view_removes") && new_epoch && !view.settled;
        if view.settled || planted {
            // Whom a settled master does not name it does not know: an opinion, no more.
            let reason = if planted { RemovalReason::Left } else { RemovalReason::Expired };
            self.remove_absent(&view.members, reason, now, out);
        }
        for member in view.members {
            self.upsert(member, now, out);
        }
    }

    /// Removes the members that are not in a view. A view that names only a lower incarnation does
    /// not know the one that we know.
    fn remove_absent(
        &mut self,
        members: &[Arc<Member>],
        reason: RemovalReason,
        now: Instant,
        out: &mut Effects,
    ) {
        let named: BTreeMap<_, _> = members.iter().map(|m| (&m.key, m.incarnation)).collect();
        let is_absent = |(key, peer): &(&MemberKey, &Peer)| {
            peer.record.is_some() && named.get(key).is_none_or(|named| *named < peer.incarnation)
        };
        let absent: Vec<_> = self
            .peers
            .iter()
            .filter(is_absent)
            .map(|(key, peer)| Removal { key: key.clone(), incarnation: peer.incarnation, reason })
            .collect();
        absent.iter().for_each(|removal| self.remove(removal, now, out));
    }

    pub(super) fn delta(&mut self, delta: Delta, now: Instant, out: &mut Effects) {
        if self.feed.version != Some((delta.epoch, delta.from)) {
            if !self.feed.awaits_view {
                self.feed.awaits_view = true;
                out.push(Effect::Resync);
            }
            return;
        }
        self.feed.version = Some((delta.epoch, delta.to));
        for change in delta.changes {
            match change {
                Change::Upsert(member) => self.upsert(member, now, out),
                Change::Remove(removal) => self.remove(&removal, now, out),
            }
        }
    }

    fn upsert(&mut self, member: Arc<Member>, now: Instant, out: &mut Effects) {
        let (key, incarnation) = (member.key.clone(), member.incarnation);
        let is_full = self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&key);
        if key == self.me.key || is_full {
            return;
        }
        self.departed.returned(&key, incarnation);
        if self.departed.reason(&key, incarnation).is_some() {
            return;
        }
        let known = self.peers.get(&key).map(|peer| (peer.incarnation, peer.node));
        match known {
            // The master has not heard yet of one that we have met; its own word will follow.
            Some((known, _)) if known > incarnation => return,
            // The number of a process may grow, after a restart of the master with a late clock.
            Some((known, node)) if known < incarnation && node == member.node => {
                if let Some(peer) = self.peers.get_mut(&key) {
                    peer.renumber(incarnation);
                }
            }
            Some((known, node)) if known < incarnation || node != member.node => {
                self.drop_peer(&key, CloseCode::Replaced, "another process holds the name", out);
            }
            Some(_) | None => {}
        }
        let fresh = || Peer::new(incarnation, member.node);
        let peer = self.peers.entry(key.clone()).or_insert_with(fresh);
        out.routes_changed |= peer.record.as_ref() != Some(&member);
        peer.learn(member, now);
        self.reconsider(&key, now);
    }

    fn remove(&mut self, removal: &Removal, now: Instant, out: &mut Effects) {
        let Removal { key, incarnation, reason } = removal;
        if *key == self.me.key {
            return;
        }
        let concerned = self.peers.get_mut(key).filter(|peer| peer.incarnation <= *incarnation);
        match closing(*reason) {
            None => {
                if let Some(peer) = concerned {
                    peer.expired = true;
                }
                out.routes_changed |= self.forget_if_unknown(key);
            }
            Some((code, text)) => {
                let is_concerned = concerned.is_some();
                self.departed.add(key, *incarnation, *reason);
                if is_concerned {
                    self.drop_peer(key, code, text, out);
                }
            }
        }
        self.reconsider(key, now);
    }

    /// Forgets a peer that neither the master knows nor a link holds; true if it did.
    pub(super) fn forget_if_unknown(&mut self, key: &MemberKey) -> bool {
        let unknown = |peer: &Peer| !peer.is_linked() && (peer.expired || peer.record.is_none());
        self.peers.get(key).is_some_and(unknown) && self.peers.remove(key).is_some()
    }
}

/// With what code and words the links of a removed member are closed; none for an opinion.
pub(super) fn closing(reason: RemovalReason) -> Option<(CloseCode, &'static str)> {
    match reason {
        RemovalReason::Left => Some((CloseCode::Leaving, "it left")),
        RemovalReason::Replaced => Some((CloseCode::Replaced, "another process holds the name")),
        RemovalReason::Revoked => Some((CloseCode::Revoked, "its ticket was revoked")),
        // Whether a link is allowed is for the schema to say, which lets it finish its calls.
        RemovalReason::NoLongerAllowed | RemovalReason::Expired => None,
    }
}
