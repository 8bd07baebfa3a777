//! What the peers are told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::Schema;
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::protocol::{Delta, MemberKey, View};

/// Number of a link in this process; given by the shell, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkId(pub(crate) u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// Who this process is.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    /// Its worker and variant.
    pub(crate) key: MemberKey,
    /// Which life of the variant it is.
    pub(crate) incarnation: Incarnation,
    /// Its public key.
    pub(crate) node: NodeId,
}

/// A link whose handshake is done: who is at its other end, by the ticket that it showed.
#[derive(Clone, Debug)]
pub(crate) struct NewLink {
    /// The link.
    pub(crate) link: LinkId,
    /// Worker and variant of the peer.
    pub(crate) key: MemberKey,
    /// Which life of the variant.
    pub(crate) incarnation: Incarnation,
    /// Its public key, proven by the handshake.
    pub(crate) node: NodeId,
    /// If this end dialled: the incarnation that [`Effect::Dial`](super::Effect::Dial) named, which
    /// is not the one reached when the master renumbered the process meanwhile.
    pub(crate) dialled: Option<Incarnation>,
    /// Serial of the ticket, for revocation.
    pub(crate) ticket_serial: u64,
}

/// What the peers are told.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The master sent a whole view; its pages are joined.
    View(View),
    /// The master sent what changed.
    Delta(Delta),
    /// The master admitted this process, or gave it another incarnation with a fresh ticket.
    Admitted {
        /// The incarnation that holds from now on.
        incarnation: Incarnation,
        /// How long a lost member is still dialled.
        lease: Duration,
    },
    /// There is no link to the master any more. Links to peers are none of its business.
    MasterLost,
    /// There is a link to the master again; a view will follow.
    MasterBack,
    /// A link was made. One that was dialled ends the dial.
    Linked(NewLink),
    /// A dial came to nothing.
    DialFailed {
        /// Who was dialled.
        key: MemberKey,
        /// The incarnation that was dialled.
        incarnation: Incarnation,
        /// With which code, if somebody at the other end said one or we did;
        /// [`CloseCode::WrongTarget`] when another process answered.
        code: Option<CloseCode>,
    },
    /// A link ended, whoever ended it.
    Unlinked {
        /// The link.
        link: LinkId,
        /// How.
        end: LinkEnd,
    },
    /// The peer takes no new calls.
    PeerDraining {
        /// On which link it said so.
        link: LinkId,
    },
    /// The peer showed a fresh ticket over its link.
    PeerRenewed {
        /// The link.
        link: LinkId,
        /// The incarnation that the ticket names; higher if the master renumbered the process.
        incarnation: Incarnation,
        /// Serial of the ticket.
        ticket_serial: u64,
    },
    /// Nothing is in flight on a link any more, neither a call of ours nor one of the peer. The
    /// answer to [`Effect::AwaitIdle`](super::Effect::AwaitIdle) and to
    /// [`Effect::Part`](super::Effect::Part); otherwise it means nothing.
    Idle {
        /// The link.
        link: LinkId,
    },
    /// Another schema holds.
    SchemaChanged(Arc<Schema>),
    /// The authority took these tickets back.
    Revoked(Vec<u64>),
    /// A moment that [`Peers::next_due`](super::Peers::next_due) named has come.
    Tick,
    /// This process drains: nobody is dialled any more.
    Drain,
}
