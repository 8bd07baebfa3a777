//! What is to be done.

use std::net::SocketAddr;

use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::MemberKey;

use super::LinkId;

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Dial a member. Each dial ends as exactly one `Linked` or `DialFailed`.
    Dial {
        /// Whom.
        key: MemberKey,
        /// Which life of it; name it in `DialFailed`.
        incarnation: Incarnation,
        /// The process that must answer; any other is a `DialFailed` with `WrongTarget`.
        node: NodeId,
        /// Where it listens, best first.
        addresses: Vec<SocketAddr>,
        /// Counts the tries since there was a link that lasted, from 1.
        attempt: u32,
    },
    /// Close a link; calls in flight on it are lost. It is forgotten here: its end is no news.
    Close {
        /// The link.
        link: LinkId,
        /// Why, for the peer.
        code: CloseCode,
        /// Why, for people.
        text: &'static str,
    },
    /// Another link to the same process is kept: no new call goes on this one. What it carries
    /// goes on, and it comes back into use if the other ends first.
    Retire {
        /// The link.
        link: LinkId,
    },
    /// The schema allows this link no more: tell its peer, let no new call go on it, and say `Idle`
    /// once nothing is in flight on it.
    Part {
        /// The link.
        link: LinkId,
    },
    /// Say `Idle` as soon as nothing is in flight on this retired link, at once if so now.
    AwaitIdle {
        /// The link.
        link: LinkId,
    },
    /// Build the routes anew from `Peers::instances`.
    RoutesChanged,
    /// Deltas were missed: ask the master for a view.
    Resync,
    /// There is a link to a process to which there was none.
    PeerConnected {
        /// Worker and variant.
        key: MemberKey,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// The last link to a process is gone or being closed.
    PeerDisconnected {
        /// Worker and variant.
        key: MemberKey,
        /// Which life of it, by its last known number.
        incarnation: Incarnation,
        /// Why; what a peer wrote is escaped.
        reason: String,
    },
}

/// Collects what is to be done while an event is handled.
#[derive(Debug, Default)]
pub(super) struct Effects {
    list: Vec<Effect>,
    /// Something that routes are built from has changed.
    pub(super) routes_changed: bool,
}

impl Effects {
    pub(super) fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }

    pub(super) fn close(&mut self, link: LinkId, code: CloseCode, text: &'static str) {
        self.push(Effect::Close { link, code, text });
    }

    /// Everything, with one change of routes however many there were. Routes come first, so that
    /// no call starts on a link that the next effect closes.
    pub(super) fn finish(mut self) -> Vec<Effect> {
        if self.routes_changed {
            self.list.insert(0, Effect::RoutesChanged);
        }
        self.list
    }
}
