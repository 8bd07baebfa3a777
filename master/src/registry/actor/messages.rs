//! What the registry's actor can be told.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Message;
use bytes::Bytes;
use meshwork_schema::Schema;
use meshwork_shared::admission::HandshakeCounters;
use meshwork_shared::codec::Codec;
use meshwork_shared::link::accept::Accepted;
use meshwork_shared::link::close::LinkEnd;
use meshwork_shared::link::message::Body;
use meshwork_shared::protocol::{MemberKey, ToMaster};
use tokio::sync::oneshot;

use crate::master::Members;
use crate::queue_roots::{QueueRootStatus, RotateError};
use crate::registry::{Audit, RevokeError, RevokeTarget, SessionId};
use crate::schema_change::{Apply, ReloadError, SchemaChange, SchemaStatus};

/// A worker has linked to the mesh port.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Arrived(pub(crate) Accepted);

/// A link is over.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct LinkOver {
    pub(crate) session: SessionId,
    pub(crate) end: LinkEnd,
}

/// A worker said something.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FromWorker {
    pub(crate) session: SessionId,
    pub(crate) message: ToMaster,
    /// Where the answer goes; dropped without one when the master stops or the link is lost.
    pub(crate) reply: oneshot::Sender<Body>,
}

/// Who is a member?
#[derive(Message)]
#[rtype(result = "Members")]
pub(crate) struct MembersNow;

/// Which schema is in force?
#[derive(Message)]
#[rtype(result = "SchemaStatus")]
pub(crate) struct SchemaNow;

/// An operator wants another schema in force.
#[derive(Message)]
#[rtype(result = "Result<SchemaChange, ReloadError>")]
pub(crate) struct ApplySchema {
    pub(crate) schema: Arc<Schema>,
    pub(crate) apply: Apply,
}

/// The schema file says this. Answers whether what runs stands in its way.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct OfferFile(pub(crate) Arc<Schema>);

/// The schema file is broken or cannot be read.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct FileRefused(pub(crate) String);

/// Another schema was tried and is broken.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SchemaRefused(pub(crate) String);

/// An operator takes tickets back.
#[derive(Message)]
#[rtype(result = "Result<Vec<MemberKey>, RevokeError>")]
pub(crate) struct RevokeTickets(pub(crate) RevokeTarget);

/// Seal jobs under a new root.
#[derive(Message)]
#[rtype(result = "Result<QueueRootStatus, RotateError>")]
pub(crate) struct RotateQueueRoot;

/// Forget all queue roots but the newest.
#[derive(Message)]
#[rtype(result = "Result<QueueRootStatus, RotateError>")]
pub(crate) struct ForgetQueueRoots;

/// An operator did something that is to be in the audit log.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct NoteAudit(pub(crate) Audit);

/// How often did what happen?
#[derive(Message)]
#[rtype(result = "Counters")]
pub(crate) struct CountersNow;

/// How often what happened.
pub(crate) struct Counters {
    /// Links that are open.
    pub(crate) links: usize,
    /// What the audit log is about, by cause.
    pub(crate) audit: BTreeMap<&'static str, u64>,
    /// Rows of reports that were left out.
    pub(crate) report_rows_left_out: u64,
    /// Whether the rebuild window is over.
    pub(crate) settled: bool,
    /// Whether the master is shutting down.
    pub(crate) stopping: bool,
}

impl Counters {
    /// All counts by one name each, with those of the handshakes.
    pub(crate) fn by_name(self, handshakes: &HandshakeCounters) -> BTreeMap<String, u64> {
        let audit = self.audit.into_iter().map(|(cause, n)| (format!("audit_{cause}"), n));
        let handshakes = handshakes.by_cause().into_iter();
        let handshakes = handshakes.map(|(cause, n)| (format!("handshake_{cause}"), n));
        let links = ("links".to_owned(), self.links as u64);
        let left_out = ("report_rows_left_out".to_owned(), self.report_rows_left_out);
        audit.chain(handshakes).chain([left_out, links]).collect()
    }
}

/// Admit nobody any more, close all links, and say when none is left.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Drained(pub(crate) oneshot::Sender<()>);

/// Stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Halt;

/// Answers a worker with JSON, or with nothing. One whose link is lost does not hear it.
pub(super) fn answer(reply: oneshot::Sender<Body>, json: Bytes) {
    let codec = if json.is_empty() { Codec::None } else { Codec::Json };
    let _ = reply.send(Body { codec, bytes: json });
}
