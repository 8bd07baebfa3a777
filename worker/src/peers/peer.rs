//! One variant of a worker, as this process knows it: a single incarnation at a time.

use std::sync::Arc;

use meshwork_shared::backoff::Backoff;
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::{Member, Status};
use meshwork_shared::random::Random;
use tokio::time::Instant;

use super::dials::is_denial;
use super::limits::{DENIED_MAX, DENIED_MIN, REDIAL_MAX, REDIAL_MIN};
use super::{LinkId, NewLink};

/// One variant of a worker. Known by the view, by a link, or both.
#[derive(Debug)]
pub(super) struct Peer {
    /// The highest incarnation seen; a lower one is refused.
    pub(super) incarnation: Incarnation,
    /// The process that holds it.
    pub(super) node: NodeId,
    /// What the master says of it; none for a peer that linked before the view told of it.
    pub(super) record: Option<Arc<Member>>,
    /// The master does not know it any more. Forgotten once there is no link.
    pub(super) expired: bool,
    /// Since when the master has it as lost, by our clock.
    pub(super) lost_since: Option<Instant>,
    /// It said itself that it takes no new calls; that is taken back only by the end of links that
    /// the schema allowed no more.
    pub(super) draining: bool,
    /// Live links: one that is kept and at most one, dialled from the other end, that is retired.
    links: Vec<LiveLink>,
    /// When and how to dial.
    pub(super) redial: Redial,
}

/// One link that lives.
#[derive(Clone, Debug)]
pub(super) struct LiveLink {
    pub(super) id: LinkId,
    pub(super) dialled_by_us: bool,
    /// The incarnation that the peer's newest ticket on this link names.
    pub(super) incarnation: Incarnation,
    pub(super) ticket_serial: u64,
    /// Our own incarnation when it was made.
    pub(super) ours: Incarnation,
    pub(super) since: Instant,
    /// Retired, and until when it has to stay.
    pub(super) retired: Option<Instant>,
    /// The schema allows it no more; it ends once it is idle, and at that moment at the latest.
    pub(super) parting: Option<Instant>,
}

impl LiveLink {
    /// Whether new calls may go on it.
    fn is_in_use(&self) -> bool {
        self.retired.is_none() && self.parting.is_none()
    }
}

/// When and how to dial a peer.
#[derive(Debug)]
pub(super) struct Redial {
    /// After a lost link or a failed dial.
    pub(super) backoff: Backoff,
    /// After the other end said that it does not want us.
    pub(super) denied: Backoff,
    /// Not before this.
    pub(super) not_before: Option<Instant>,
    /// Dials since there was a link that lasted.
    pub(super) attempts: u32,
    /// The incarnation leaves or is revoked: no dial of it.
    pub(super) over: bool,
    /// Our incarnation that the other end called replaced or revoked: no dial as that one.
    pub(super) refused_as: Option<Incarnation>,
}

impl Default for Redial {
    fn default() -> Self {
        Self {
            backoff: Backoff::new(REDIAL_MIN, REDIAL_MAX),
            denied: Backoff::new(DENIED_MIN, DENIED_MAX),
            not_before: None,
            attempts: 0,
            over: false,
            refused_as: None,
        }
    }
}

impl Redial {
    /// What stood in the way may be gone: the next dial is a first one, at once.
    pub(super) fn start_anew(&mut self) {
        *self = Self { over: self.over, refused_as: self.refused_as, ..Self::default() };
    }

    /// A link was made: what kept us from dialling is past.
    pub(super) fn accepted(&mut self) {
        self.over = false;
        self.refused_as = None;
    }

    /// A dial failed or a link ended, with this code if there was one. `ours` is the incarnation
    /// that we showed.
    pub(super) fn wait_after(
        &mut self,
        code: Option<CloseCode>,
        ours: Incarnation,
        random: &Random,
        now: Instant,
    ) {
        match code {
            Some(CloseCode::Leaving) => self.over = true,
            Some(CloseCode::Replaced | CloseCode::Revoked) => self.refused_as = Some(ours),
            Some(_) | None => {}
        }
        let wait = match code {
            Some(code) if is_denial(code) => self.denied.next(random),
            Some(_) | None => self.backoff.next(random),
        };
        self.not_before = Some(now + wait);
    }
}

impl Peer {
    pub(super) fn new(incarnation: Incarnation, node: NodeId) -> Self {
        Self {
            incarnation,
            node,
            record: None,
            expired: false,
            lost_since: None,
            draining: false,
            links: Vec::new(),
            redial: Redial::default(),
        }
    }

    /// Takes in what the master says of the incarnation that is known.
    pub(super) fn learn(&mut self, member: Arc<Member>, now: Instant) {
        self.expired = false;
        self.lost_since = match member.status {
            Status::Lost => self.lost_since.or(Some(now)),
            Status::Joining | Status::Ready | Status::Draining => None,
        };
        let known = self.record.as_ref();
        let moved = known.is_none_or(|known| {
            (known.status, &known.addresses) != (member.status, &member.addresses)
        });
        if moved {
            self.redial.start_anew();
        }
        self.record = Some(member);
    }

    /// The same process got a higher incarnation: its links are good as they are.
    pub(super) fn renumber(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
        self.redial = Redial::default();
    }

    /// The link that calls go on.
    pub(super) fn kept(&self) -> Option<&LiveLink> {
        self.links.iter().find(|link| link.is_in_use())
    }

    pub(super) fn links(&self) -> &[LiveLink] {
        &self.links
    }

    pub(super) fn link_mut(&mut self, id: LinkId) -> Option<&mut LiveLink> {
        self.links.iter_mut().find(|link| link.id == id)
    }

    /// Lets its links end by that moment; gives those that were not about to.
    pub(super) fn part(&mut self, until: Instant) -> Vec<LinkId> {
        let staying = self.links.iter_mut().filter(|link| link.parting.is_none());
        let part = |link: &mut LiveLink| {
            link.parting = Some(until);
            link.id
        };
        staying.map(part).collect()
    }

    pub(super) fn is_linked(&self) -> bool {
        !self.links.is_empty()
    }

    pub(super) fn add(&mut self, new: &NewLink, ours: Incarnation, now: Instant) {
        self.links.push(LiveLink {
            id: new.link,
            dialled_by_us: new.dialled.is_some(),
            incarnation: new.incarnation,
            ticket_serial: new.ticket_serial,
            ours,
            since: now,
            retired: None,
            parting: None,
        });
    }

    /// Takes the links out for which `gone` holds.
    pub(super) fn take_links(&mut self, gone: impl FnMut(&mut LiveLink) -> bool) -> Vec<LiveLink> {
        self.links.extract_if(.., gone).collect()
    }

    /// Chooses the link to keep: of two that were dialled from both ends, the one that the smaller
    /// node id dialled. Both ends come to the same choice, whichever link they see first.
    ///
    /// Gives the links that were in use until now and are retired by the choice.
    pub(super) fn choose(&mut self, our_node: NodeId, stay_until: Instant) -> Vec<LinkId> {
        let we_dial = our_node < self.node;
        let staying = || self.links.iter().filter(|link| link.parting.is_none());
        let preferred = staying().find(|link| link.dialled_by_us == we_dial);
        let keep = preferred.or(staying().next()).map(|link| link.id);
        let mut retired = Vec::new();
        for link in self.links.iter_mut().filter(|link| link.parting.is_none()) {
            if Some(link.id) == keep {
                link.retired = None;
            } else if link.retired.is_none() {
                link.retired = Some(stay_until);
                retired.push(link.id);
            }
        }
        retired
    }
}
