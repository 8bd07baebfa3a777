//! `view`: the numbered list of members that one worker may know.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Member, MemberKey, bounded, limits};
use crate::ids::Incarnation;

/// All members that the receiver may link to, in either direction; itself is not among them.
///
/// A large view comes in pages: the first may be inside the welcome, the others follow as CASTs
/// with the same `epoch` and `number`; [`Pages`] puts them together.
///
/// A member that the receiver knows and that is neither in `members` nor in `removed` is to be
/// kept as it is while `settled` is false. Once it is true, the master does not know that member
/// any more: it counts as [`RemovalReason::Expired`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Which life of the master; differs after each of its restarts. Compare for equality only.
    pub epoch: u64,
    /// Number of the view: grows with every view and delta; a welcome starts anew.
    pub number: u64,
    /// False until the master has had time to hear from everybody (two leases).
    pub settled: bool,
    /// True if further pages follow.
    pub more: bool,
    /// The members, by worker and variant.
    #[serde(deserialize_with = "bounded::list::<{ limits::MEMBERS_MAX }, _, _>")]
    pub members: Vec<Arc<Member>>,
    /// Recent removals, so that whoever missed a delta still learns the reason.
    #[serde(deserialize_with = "bounded::list::<{ limits::REMOVALS_MAX }, _, _>")]
    pub removed: Vec<Removal>,
}

/// An incarnation that is no member any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Worker and variant.
    #[serde(flatten)]
    pub key: MemberKey,
    /// This life of it and all before it.
    pub incarnation: Incarnation,
    /// Why.
    pub reason: RemovalReason,
}

/// Why an incarnation is no member any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalReason {
    /// It said so.
    Left,
    /// A higher incarnation of the variant took its place.
    Replaced,
    /// Its ticket was revoked.
    Revoked,
    /// The schema no longer allows the link between it and the receiver.
    NoLongerAllowed,
    /// The master has not heard of it for long. An opinion: a link that works stays.
    Expired,
}

impl RemovalReason {
    /// Whether a link to that incarnation is to be closed.
    pub fn closes_link(self) -> bool {
        match self {
            Self::Left | Self::Replaced | Self::Revoked | Self::NoLongerAllowed => true,
            Self::Expired => false,
        }
    }
}

impl View {
    /// Cuts a view into pages of about [`limits::PAGE_BYTES`]; at least one, in order.
    pub fn into_pages(self) -> Vec<View> {
        let Self { epoch, number, settled, members, removed, .. } = self;
        let page = |members, removed| View { epoch, number, settled, more: true, members, removed };
        let mut pages = Vec::new();
        let (mut current, mut bytes) = (Vec::new(), 0);
        for member in members {
            let size = member.encoded_bytes();
            let full = bytes + size > limits::PAGE_BYTES || current.len() == limits::MEMBERS_MAX;
            if full && !current.is_empty() {
                pages.push(page(std::mem::take(&mut current), Vec::new()));
                bytes = 0;
            }
            bytes += size;
            current.push(member);
        }
        pages.push(View { more: false, ..page(current, removed) });
        pages
    }
}

/// Puts the pages of a view together.
///
/// A page of another view than the one begun starts anew, so that a view cut off in the middle
/// does no harm.
#[derive(Debug, Default)]
pub struct Pages {
    begun: Option<View>,
}

impl Pages {
    /// Takes a page; gives the whole view once its last page is there. A view that would grow
    /// over [`limits::MEMBERS_MAX`] members is dropped.
    pub fn push(&mut self, page: View) -> Option<View> {
        let whole = match self.begun.take() {
            Some(mut begun) if begun.epoch == page.epoch && begun.number == page.number => {
                begun.members.extend(page.members);
                begun.removed.extend(page.removed);
                View { more: page.more, settled: page.settled, ..begun }
            }
            _ => page,
        };
        if whole.members.len() > limits::MEMBERS_MAX {
            return None;
        }
        if whole.more {
            self.begun = Some(whole);
            return None;
        }
        Some(whole)
    }
}
