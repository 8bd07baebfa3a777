//! Which links this worker has: the pure core behind its connections.
//!
//! [`Peers::handle`] takes an [`Event`] and gives [`Effect`]s; it knows no socket, no clock, no
//! actor. Whoever owns it opens and closes links, calls it again at [`Peers::next_due`], and builds
//! routes from [`Peers::instances`].
//!
//! * `event.rs`, `effect.rs`: what goes in, what comes out
//! * `membership.rs`: views and deltas, and what becomes of members by them
//! * `dials.rs`: who is dialled, and when
//! * `links.rs`: links that come, double, retire and end
//! * `parting.rs`: links that the schema allows no more
//! * `peer.rs`: one variant; `instance.rs`: what others see of it
//! * `departed.rs`: what is never linked to again
//! * `limits.rs`: bounds and times
//!
//! What holds at all times:
//!
//! * A variant has one incarnation here, and one link that calls go on; a higher one ends the one
//!   before.
//! * What the master merely thinks (lost, expired, not in its view) closes no link.
//! * Of two links to a process both ends keep the same one.
//! * At most one dial of an incarnation is under way, and none while there is a link.

mod departed;
mod dials;
mod effect;
mod event;
mod instance;
mod limits;
mod links;
mod membership;
mod parting;
mod peer;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::Schema;
use meshwork_shared::ids::Incarnation;
use meshwork_shared::link::close::CloseCode;
#[cfg(test)]
use meshwork_shared::protocol::Member;
use meshwork_shared::protocol::MemberKey;
use meshwork_shared::random::Random;
use tokio::time::Instant;

pub(crate) use effect::Effect;
pub(crate) use event::{Event, LinkId, Me, NewLink};
pub(crate) use instance::InstanceView;

use departed::Departed;
use dials::Dials;
use effect::Effects;
use membership::Feed;
use peer::Peer;

/// Which links this worker has.
#[derive(Debug)]
pub(crate) struct Peers {
    me: Me,
    schema: Arc<Schema>,
    /// How long a lost member is still dialled.
    lease: Duration,
    random: Random,
    feed: Feed,
    peers: BTreeMap<MemberKey, Peer>,
    /// Whose every live link is.
    links: BTreeMap<LinkId, MemberKey>,
    /// When the grace of retired links ends; some may be in use again or gone.
    retirements: BTreeSet<(Instant, LinkId)>,
    /// How long a link that the schema allows no more may take to finish its calls.
    grace: Duration,
    /// When the time of such links is over; some may be gone.
    partings: BTreeSet<(Instant, LinkId)>,
    dials: Dials,
    departed: Departed,
    /// This process drains: no new dials.
    draining: bool,
}

impl Peers {
    /// Knows nobody yet. `lease` is the welcome's; a link that is no longer allowed has `grace` to
    /// finish its calls; jitter is drawn from `random`.
    pub(crate) fn new(
        me: Me,
        schema: Arc<Schema>,
        lease: Duration,
        grace: Duration,
        random: Random,
    ) -> Self {
        Self {
            me,
            schema,
            lease,
            random,
            feed: Feed::default(),
            peers: BTreeMap::new(),
            links: BTreeMap::new(),
            retirements: BTreeSet::new(),
            grace,
            partings: BTreeSet::new(),
            dials: Dials::default(),
            departed: Departed::default(),
            draining: false,
        }
    }

    /// The number of the master's list that this goes by, while it is kept up to date.
    pub(crate) fn view_number(&self) -> Option<u64> {
        self.feed.number()
    }

    /// Takes an event and says what is to be done.
    pub(crate) fn handle(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let mut out = Effects::default();
        match event {
            Event::View(view) => self.view(view, now, &mut out),
            Event::Delta(delta) => self.delta(delta, now, &mut out),
            Event::Admitted { incarnation, lease } => self.admitted(incarnation, lease, now),
            Event::MasterLost => self.feed.interrupt(),
            Event::MasterBack => self.feed.resume(),
            Event::Linked(new) => self.linked(&new, now, &mut out),
            Event::DialFailed { key, incarnation, code } => {
                self.dial_failed(&key, incarnation, code, now);
            }
            Event::Unlinked { link, end } => self.unlinked(link, &end, now, &mut out),
            Event::PeerDraining { link } => self.peer_draining(link, now, &mut out),
            Event::PeerRenewed { link, incarnation, ticket_serial } => {
                self.peer_renewed(link, incarnation, ticket_serial, &mut out);
            }
            Event::Idle { link } => self.idle(link, now, &mut out),
            Event::SchemaChanged(schema) => self.schema_changed(schema, now, &mut out),
            Event::Revoked(serials) => self.revoked(&serials, now, &mut out),
            Event::Tick => {}
            Event::Drain => self.drain(now),
        }
        self.retire_due(now, &mut out);
        self.part_due(now, &mut out);
        self.dial_due(now, &mut out);
        out.finish()
    }

    /// When `Tick` is due; none if nothing happens by itself.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let retired = self.retirements.first().map(|(due, _)| *due);
        let parted = self.partings.first().map(|(due, _)| *due);
        self.dials.next_due().into_iter().chain(retired).chain(parted).min()
    }

    /// Every variant that is known, by worker and variant.
    pub(crate) fn instances(&self) -> impl Iterator<Item = InstanceView<'_>> {
        self.peers.iter().map(|(key, peer)| InstanceView::of(key, peer))
    }

    /// Every member that the master told of and did not take back, by worker and variant.
    #[cfg(test)]
    fn members(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.peers.values().filter_map(|peer| peer.record.as_ref())
    }

    /// Whether the schema allows a link to this member.
    fn allows(&self, key: &MemberKey) -> bool {
        self.schema.linked(self.me.key.worker.as_str(), key.worker.as_str())
    }

    fn admitted(&mut self, incarnation: Incarnation, lease: Duration, now: Instant) {
        self.me.incarnation = incarnation;
        self.lease = lease;
        // Whoever called the old number outdated may take the new one.
        self.reconsider_all(now);
    }

    fn drain(&mut self, now: Instant) {
        self.draining = true;
        self.reconsider_all(now);
    }

    fn peer_draining(&mut self, link: LinkId, now: Instant, out: &mut Effects) {
        let Some(key) = self.links.get(&link).cloned() else { return };
        if let Some(peer) = self.peers.get_mut(&key) {
            out.routes_changed |= !peer.draining;
            peer.draining = true;
        }
        self.reconsider(&key, now);
    }

    fn peer_renewed(
        &mut self,
        id: LinkId,
        incarnation: Incarnation,
        serial: u64,
        out: &mut Effects,
    ) {
        let Some(peer) = self.links.get(&id).and_then(|key| self.peers.get_mut(key)) else {
            return;
        };
        if let Some(link) = peer.link_mut(id) {
            if serial <= link.ticket_serial {
                // One from before: the link is still held by the ticket that came after it.
                return;
            }
            link.ticket_serial = serial;
            link.incarnation = link.incarnation.max(incarnation);
        }
        if incarnation > peer.incarnation {
            peer.renumber(incarnation);
            out.routes_changed = true;
        }
    }

    fn schema_changed(&mut self, schema: Arc<Schema>, now: Instant, out: &mut Effects) {
        self.schema = schema;
        out.routes_changed = true;
        let keys: Vec<_> = self.peers.keys().cloned().collect();
        for key in keys {
            if !self.allows(&key) {
                self.part(&key, now, out);
                self.forget_if_unknown(&key);
            }
            // Who was refused by the old schema need not wait.
            if let Some(peer) = self.peers.get_mut(&key) {
                peer.redial.start_anew();
            }
            self.reconsider(&key, now);
        }
    }

    fn revoked(&mut self, serials: &[u64], now: Instant, out: &mut Effects) {
        self.departed.revoke(serials);
        let is_revoked = |peer: &Peer| {
            peer.links().iter().any(|link| self.departed.is_revoked(link.ticket_serial))
        };
        let keys = self.peers.iter().filter(|(_, peer)| is_revoked(peer));
        let keys: Vec<_> = keys.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.close_links(&key, CloseCode::Revoked, "the ticket was revoked", out);
            if let Some(peer) = self.peers.get_mut(&key) {
                peer.redial.over = true;
            }
            self.forget_if_unknown(&key);
            self.reconsider(&key, now);
        }
    }
}
