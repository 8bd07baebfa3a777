//! What routes and queries are built from.

use std::sync::Arc;

use meshwork_shared::ids::Incarnation;
use meshwork_shared::protocol::{Member, MemberKey, Status};

use super::LinkId;
use super::peer::Peer;

/// One variant of a worker; there is one of them at most, whatever was restarted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstanceView<'a> {
    /// Worker and variant.
    pub(crate) key: &'a MemberKey,
    /// Which life of it.
    pub(crate) incarnation: Incarnation,
    /// What the master says of it, if it did yet.
    pub(crate) member: Option<&'a Arc<Member>>,
    /// The link that calls go on, if there is one. Retired links are not shown.
    pub(crate) link: Option<LinkId>,
    /// It takes no new calls: it said so, or the master does.
    pub(crate) draining: bool,
}

impl<'a> InstanceView<'a> {
    pub(super) fn of(key: &'a MemberKey, peer: &'a Peer) -> Self {
        let member = peer.record.as_ref();
        Self {
            key,
            incarnation: peer.incarnation,
            member,
            link: peer.kept().map(|link| link.id),
            draining: peer.draining || member.is_some_and(|m| m.status == Status::Draining),
        }
    }
}
