//! Links that come, double, retire and end.

use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::protocol::MemberKey;
use tokio::time::Instant;

use super::dials::is_denial;
use super::effect::Effects;
use super::limits::{LINK_STEADY, PEERS_MAX, RETIRED_GRACE};
use super::membership::closing;
use super::peer::{LiveLink, Peer};
use super::{Effect, LinkId, NewLink, Peers};

impl Peers {
    pub(super) fn linked(&mut self, new: &NewLink, now: Instant, out: &mut Effects) {
        let dial = new.dialled.and_then(|dialled| self.dials.ended(&new.key, dialled));
        let ours = dial.unwrap_or(self.me.incarnation);
        if let Some((code, text)) = self.refusal(new) {
            out.close(new.link, code, text);
            self.after_refusal(new, code, now);
            return;
        }
        self.make_way(new, out);
        let fresh = || Peer::new(new.incarnation, new.node);
        let peer = self.peers.entry(new.key.clone()).or_insert_with(fresh);
        let was_linked = peer.is_linked();
        peer.redial.accepted();
        peer.add(new, ours, now);
        let superseded = peer.take_links(|link| supersedes(new, link));
        for link in superseded {
            self.links.remove(&link.id);
            let older = link.incarnation < new.incarnation;
            let code = if older { CloseCode::Replaced } else { CloseCode::Duplicate };
            out.close(link.id, code, "a newer link is kept");
        }
        self.links.insert(new.link, new.key.clone());
        self.choose(&new.key, now, out);
        if !was_linked {
            let (key, incarnation) = (new.key.clone(), new.incarnation);
            out.push(Effect::PeerConnected { key, incarnation });
        }
        self.reconsider(&new.key, now);
    }

    /// Why a link cannot stay.
    fn refusal(&self, new: &NewLink) -> Option<(CloseCode, &'static str)> {
        if new.key == self.me.key {
            return Some((CloseCode::NameTaken, "this process holds that name itself"));
        }
        if !self.allows(&new.key) {
            return Some((CloseCode::NoLongerAllowed, "the schema allows no link"));
        }
        if self.departed.is_revoked(new.ticket_serial) {
            return Some((CloseCode::Revoked, "the ticket was revoked"));
        }
        let departed = self.departed.reason(&new.key, new.incarnation);
        if let Some(closing) = departed.and_then(closing) {
            return Some(closing);
        }
        match self.peers.get(&new.key) {
            Some(peer) if peer.incarnation > new.incarnation => {
                Some((CloseCode::Replaced, "a newer incarnation holds the name"))
            }
            // Numbers are never used twice: one of the two tells a lie, and this one came second.
            Some(peer) if peer.incarnation == new.incarnation && peer.node != new.node => {
                Some((CloseCode::Denied, "another process has this incarnation"))
            }
            None if self.peers.len() >= PEERS_MAX => {
                Some((CloseCode::NotReady, "no room for another peer"))
            }
            Some(_) | None => None,
        }
    }

    /// A link that we dialled and then refused must not be dialled again at once.
    fn after_refusal(&mut self, new: &NewLink, code: CloseCode, now: Instant) {
        let (random, ours) = (&self.random, self.me.incarnation);
        if let Some(peer) = self.peers.get_mut(&new.key).filter(|_| new.dialled.is_some()) {
            // What we say of the other end is not what it says of us.
            let code = Some(code).filter(|code| is_denial(*code));
            peer.redial.wait_after(code, ours, random, now);
        }
        self.reconsider(&new.key, now);
    }

    /// Ends an incarnation that an accepted link takes the place of. A process that has only got a
    /// higher number stays.
    fn make_way(&mut self, new: &NewLink, out: &mut Effects) {
        let Some(peer) = self.peers.get_mut(&new.key) else { return };
        if new.incarnation <= peer.incarnation {
            return;
        }
        if new.node == peer.node {
            peer.renumber(new.incarnation);
        } else {
            let text = "a newer incarnation holds the name";
            self.drop_peer(&new.key, CloseCode::Replaced, text, out);
        }
    }

    /// Chooses the link to keep and retires the other.
    fn choose(&mut self, key: &MemberKey, now: Instant, out: &mut Effects) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let stay_until = now + RETIRED_GRACE;
        for link in peer.choose(self.me.node, stay_until) {
            self.retirements.insert((stay_until, link));
            out.push(Effect::Retire { link });
        }
        out.routes_changed = true;
    }

    pub(super) fn unlinked(&mut self, id: LinkId, end: &LinkEnd, now: Instant, out: &mut Effects) {
        let Some(key) = self.links.remove(&id) else { return };
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let gone = peer.take_links(|link| link.id == id);
        let Some(link) = gone.first() else { return };
        if now >= link.since + LINK_STEADY {
            peer.redial.start_anew();
        }
        let code = code_of(end);
        peer.redial.wait_after(code, link.ours, &self.random, now);
        if code == Some(CloseCode::NoLongerAllowed) {
            // It drained this link; the process itself need not be about to leave.
            peer.draining = false;
        }
        if peer.is_linked() {
            self.choose(&key, now, out);
            return;
        }
        out.routes_changed = true;
        out.push(Effect::PeerDisconnected {
            incarnation: peer.incarnation,
            reason: end.to_string(),
            key: key.clone(),
        });
        self.forget_if_unknown(&key);
        self.reconsider(&key, now);
    }

    /// A link that parts is closed by either end. A retired one is closed by its dialler, so that
    /// the two ends do not close it twice.
    pub(super) fn idle(&mut self, id: LinkId, now: Instant, out: &mut Effects) {
        self.end_parting(id, now, out);
        let Some(peer) = self.links.get(&id).and_then(|key| self.peers.get_mut(key)) else {
            return;
        };
        let is_done = |link: &mut LiveLink| {
            link.id == id && link.dialled_by_us && link.retired.is_some_and(|until| until <= now)
        };
        if !peer.take_links(is_done).is_empty() {
            self.links.remove(&id);
            out.close(id, CloseCode::Duplicate, "another link is kept");
        }
    }

    /// Asks for the end of retired links whose grace is over.
    pub(super) fn retire_due(&mut self, now: Instant, out: &mut Effects) {
        while let Some((due, id)) = self.retirements.first().copied().filter(|(due, _)| *due <= now)
        {
            self.retirements.pop_first();
            let peer = self.links.get(&id).and_then(|key| self.peers.get(key));
            let links = peer.map_or(&[][..], Peer::links);
            let is_ours = |link: &LiveLink| link.dialled_by_us && link.retired == Some(due);
            if links.iter().any(|link| link.id == id && is_ours(link)) {
                out.push(Effect::AwaitIdle { link: id });
            }
        }
    }

    /// Closes all links of a peer and forgets it.
    pub(super) fn drop_peer(
        &mut self,
        key: &MemberKey,
        code: CloseCode,
        text: &'static str,
        out: &mut Effects,
    ) {
        self.close_links(key, code, text, out);
        self.peers.remove(key);
        out.routes_changed = true;
    }

    /// Closes all links of a peer, which stays a member.
    pub(super) fn close_links(
        &mut self,
        key: &MemberKey,
        code: CloseCode,
        text: &'static str,
        out: &mut Effects,
    ) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let links = peer.take_links(|_| true);
        if links.is_empty() {
            return;
        }
        for link in links {
            self.links.remove(&link.id);
            out.close(link.id, code, text);
        }
        out.routes_changed = true;
        out.push(Effect::PeerDisconnected {
            key: key.clone(),
            incarnation: peer.incarnation,
            reason: format!("closed here ({code}: {text})"),
        });
    }
}

/// Whether a new link ends one that there was: of an incarnation before, or dialled from the same
/// end, for whoever dials twice knows that its first link is dead.
fn supersedes(new: &NewLink, link: &LiveLink) -> bool {
    let same_dialler = link.dialled_by_us == new.dialled.is_some();
    link.id != new.link && (same_dialler || link.incarnation < new.incarnation)
}

fn code_of(end: &LinkEnd) -> Option<CloseCode> {
    match end {
        LinkEnd::ClosedHere { code } => Some(*code),
        LinkEnd::ClosedByPeer { code, .. } => *code,
        LinkEnd::Lost { .. } => None,
    }
}
