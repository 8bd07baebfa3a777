//! `delta`: what changed in a view.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Member, Removal, bounded, limits};

/// The changes between two numbers of a view. Whoever is not at `from` in this `epoch` has missed
/// something: it drops the delta and sends `resync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Which life of the master.
    pub epoch: u64,
    /// Number of the view that it applies to.
    pub from: u64,
    /// Number of the view that comes out.
    pub to: u64,
    /// What changed, in order.
    #[serde(deserialize_with = "bounded::list::<{ limits::CHANGES_MAX }, _, _>")]
    pub changes: Vec<Change>,
}

/// One change of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A member is new or changed. One with a higher incarnation takes the place of the one
    /// before: links to that one are closed, unless its node id is the same, for then it is the
    /// same process under a new number.
    Upsert(Arc<Member>),
    /// An incarnation is no member any more.
    Remove(Removal),
}
