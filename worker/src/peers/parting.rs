//! Links that the schema allows no more: no new call goes on them, what runs may finish, then they
//! end. Both ends do this on their own, each when it learns of the schema.

use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::MemberKey;
use tokio::time::Instant;

use super::effect::Effects;
use super::{Effect, LinkId, Peers};

/// Why such a link is closed, for people.
const TEXT: &str = "the schema allows no link any more";

impl Peers {
    /// Takes the links of a peer out of use.
    pub(super) fn part(&mut self, key: &MemberKey, now: Instant, out: &mut Effects) {
        let until = now + self.grace;
        let Some(peer) = self.peers.get_mut(key) else { return };
        for link in peer.part(until) {
            self.partings.insert((until, link));
            out.push(Effect::Part { link });
            out.routes_changed = true;
        }
    }

    /// Ends the links whose time to finish is over.
    pub(super) fn part_due(&mut self, now: Instant, out: &mut Effects) {
        while let Some((due, id)) = self.partings.first().copied().filter(|(due, _)| *due <= now) {
            self.partings.remove(&(due, id));
            self.end_parting(id, now, out);
        }
    }

    /// Ends a link that parts; any other stays.
    pub(super) fn end_parting(&mut self, id: LinkId, now: Instant, out: &mut Effects) {
        let Some(key) = self.links.get(&id).cloned() else { return };
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let ended = peer.take_links(|link| link.id == id && link.parting.is_some());
        let Some(until) = ended.first().and_then(|link| link.parting) else { return };
        self.links.remove(&id);
        self.partings.remove(&(until, id));
        out.close(id, CloseCode::NoLongerAllowed, TEXT);
        if peer.is_linked() {
            return;
        }
        // What it said of itself was said on links that are gone.
        peer.draining = false;
        out.routes_changed = true;
        let (code, incarnation) = (CloseCode::NoLongerAllowed, peer.incarnation);
        let reason = format!("closed here ({code}: {TEXT})");
        out.push(Effect::PeerDisconnected { key: key.clone(), incarnation, reason });
        self.forget_if_unknown(&key);
        // Another schema may allow it by now.
        self.reconsider(&key, now);
    }
}
