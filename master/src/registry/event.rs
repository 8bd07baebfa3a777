//! What the registry is told.

use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::{Schema, WorkerName};
use meshwork_shared::ids::NodeId;
use meshwork_shared::protocol::{Join, MemberKey};
use meshwork_shared::ticket::Claims;

/// A link at the master, numbered by whoever accepted it. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// One question to a holder whether it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u64);

/// What time it is, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Time since some fixed moment; never goes back. Measures all waiting.
    pub at: Duration,
    /// Unix time in milliseconds; may jump. For numbers and tickets only.
    pub unix_ms: u64,
}

impl Now {
    /// Unix time in seconds.
    pub fn unix_s(self) -> u64 {
        self.unix_ms / 1000
    }
}

/// What the registry is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// A worker asks to be let in.
    Join(Box<JoinRequest>),
    /// A worker takes calls now.
    Ready(SessionId),
    /// A worker takes no new calls.
    Draining(SessionId),
    /// A worker goes for good.
    Leave(SessionId),
    /// A worker asks for a fresh ticket.
    Renew(SessionId),
    /// A worker missed a delta.
    Resync(SessionId),
    /// A link ended, whatever the reason; the last event of its session.
    LinkLost(SessionId),
    /// A holder answered its PING.
    ProbeAnswered(ProbeId),
    /// A holder did not answer in time. [`Event::Tick`] finds out too.
    ProbeTimedOut(ProbeId),
    /// Another schema was loaded.
    SchemaChanged(Arc<Schema>),
    /// An operator takes tickets back; the outcome is an `Effect::Revoked`.
    Revoke(RevokeTarget),
    /// A queue root was made or forgotten; every worker gets its keys anew.
    QueueRootsChanged,
    /// The master is about to stop: it admits nobody any more.
    Shutdown,
    /// Time has passed; due at [`Registry::next_wakeup`](super::Registry::next_wakeup).
    Tick,
}

/// A `join` with all that the link and the signatures prove about it.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The link that it came over.
    pub session: SessionId,
    /// The key that the link's handshake proved.
    pub node: NodeId,
    /// The secret that the link's handshake proved.
    pub key: AdmissionKey,
    /// What the worker said. Its raw tickets are not read here.
    pub join: Join,
    /// What its ticket says, if the signature is the authority's and the mesh ours. Whether it has
    /// expired, and whose it is, is for the registry to judge.
    pub presented: Option<Claims>,
    /// What its witness says, if the signature is the authority's and the mesh ours.
    pub witness: Option<Claims>,
    /// The number that the authority gave to exactly the present schema, if the worker proved it.
    pub proven_schema: Option<u64>,
}

/// What a worker proved to know when its link was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdmissionKey {
    /// The mesh secret: any name.
    Mesh,
    /// The join key of one worker: that name only.
    Join(WorkerName),
}

/// Whose tickets an operator takes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeTarget {
    /// All tickets of the present holder of a variant; its node key is refused as well.
    Member(MemberKey),
    /// One ticket; if a member holds it, all of that member's.
    Serial(u64),
    /// The process with this key, member or not.
    Node(NodeId),
}
