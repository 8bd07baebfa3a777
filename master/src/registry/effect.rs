//! What the registry wants done, in order.

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::QueueName;
use meshwork_schema::{Fingerprint, Schema, WorkerName};
use meshwork_shared::ids::{Incarnation, JobId, NodeId};
use meshwork_shared::protocol::{Delta, MemberKey, Refusal, Revoke, View};
use meshwork_shared::ticket::Claims;

use super::{Durable, LinkEpochs, ProbeId, SessionId};
use crate::events::EventKind;

/// What the registry wants done. Effects are carried out in the order given; those for a session
/// that has gone meanwhile are dropped, because its `LinkLost` is on the way.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write this down, where that is possible, before the effects that follow.
    Persist(Durable),
    /// Sign this schema under this number; it is the one to send from now on.
    SchemaNumbered {
        /// The number.
        number: u64,
        /// Hash of the schema's canonical text.
        fingerprint: Fingerprint,
        /// The schema.
        schema: Arc<Schema>,
    },
    /// Answer `join`: yes.
    Welcome {
        /// To whom.
        session: SessionId,
        /// With what.
        admission: Box<Admission>,
    },
    /// Answer `join`: no.
    Refuse {
        /// To whom.
        session: SessionId,
        /// Why.
        refusal: Refusal,
    },
    /// Answer `leave`.
    Left(SessionId),
    /// Send a PING and tell whether it is answered in time.
    ProbeHolder {
        /// What to call the answer.
        probe: ProbeId,
        /// The holder's link.
        session: SessionId,
        /// How long to wait.
        within: Duration,
    },
    /// Send a view, or a page of one.
    SendView {
        /// To whom.
        session: SessionId,
        /// The page.
        view: View,
    },
    /// Send a delta.
    SendDelta {
        /// To whom.
        session: SessionId,
        /// The changes.
        delta: Delta,
    },
    /// Sign this ticket and send it.
    PushTicket {
        /// To whom.
        session: SessionId,
        /// What to sign.
        claims: Claims,
    },
    /// Send the schema of the last [`Effect::SchemaNumbered`].
    PushSchema(SessionId),
    /// Send revoked tickets.
    PushRevoke {
        /// To whom.
        session: SessionId,
        /// Which.
        revoke: Arc<Revoke>,
    },
    /// Send the link secrets of these epochs.
    PushLinkSecrets {
        /// To whom.
        session: SessionId,
        /// Of which epochs.
        epochs: LinkEpochs,
    },
    /// Send the keys of queued jobs that the present schema gives a worker.
    PushQueueKeys {
        /// To whom.
        session: SessionId,
        /// Which worker that is.
        worker: WorkerName,
    },
    /// Close a link, after what was sent to it before.
    CloseLink {
        /// Which.
        session: SessionId,
        /// Why.
        reason: CloseReason,
    },
    /// The outcome of a revocation: the members that it removed.
    Revoked(Result<Vec<MemberKey>, RevokeError>),
    /// Write it to the audit log.
    Audit(Audit),
    /// Tell whoever watches the mesh.
    Happened(EventKind),
}

/// What a worker that was let in gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// Sign these for its ticket.
    pub claims: Claims,
    /// How long peers redial a lost member.
    pub lease: Duration,
    /// Number of the present schema.
    pub schema_number: u64,
    /// Fingerprint of the present schema.
    pub schema_fingerprint: Fingerprint,
    /// Whether the worker holds exactly that schema under that number already.
    pub schema_known: bool,
    /// The link secrets to derive and send.
    pub link_epochs: LinkEpochs,
    /// All revoked tickets.
    pub revoked: Revoke,
    /// First page of its view; the others follow as [`Effect::SendView`].
    pub view: View,
}

/// Why the master closes a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseReason {
    /// A higher incarnation of its variant, or of its key, took its place.
    Fenced,
    /// The same process has joined over a newer link.
    Duplicate,
    /// Its ticket was revoked.
    Revoked,
    /// The schema has no such worker any more.
    NoLongerAllowed,
}

/// Why nothing was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// No such member. Check worker and variant, or revoke by serial.
    #[error("no such member")]
    UnknownMember,
    /// As many tickets are revoked as are remembered. Replace the authority key instead, which
    /// ends all tickets at once.
    #[error("too many revoked tickets at a time; replace the authority key instead")]
    Full,
}

/// What an operator wants to find in the audit log.
#[derive(Clone, Debug, PartialEq)]
pub enum Audit {
    /// A process became a member, or came back as one.
    Admitted {
        /// Which member.
        key: MemberKey,
        /// Which life of it.
        incarnation: Incarnation,
        /// The process.
        node: NodeId,
        /// Whether it kept an incarnation that it had before.
        returned: bool,
    },
    /// A process was not let in.
    Refused {
        /// What it claimed to be.
        key: MemberKey,
        /// The process.
        node: NodeId,
        /// Why.
        refusal: Refusal,
    },
    /// The old life of a variant was shut out.
    Fenced {
        /// Which member.
        key: MemberKey,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// A member got a higher incarnation, because numbers given out before this master's start
    /// turned out to be higher.
    Renumbered {
        /// Which member.
        key: MemberKey,
        /// Its new incarnation.
        incarnation: Incarnation,
    },
    /// An operator took tickets back.
    Revoked {
        /// The node whose tickets they are, if known.
        node: Option<NodeId>,
        /// How many tickets.
        tickets: usize,
    },
    /// A queue root was made, or old ones were forgotten.
    QueueRoots {
        /// The epoch that jobs are sealed under now.
        epoch: u64,
        /// How many roots still open jobs.
        kept: usize,
    },
    /// Dead letters were made jobs again, by HTTP.
    JobsRetried {
        /// Their queue.
        queue: QueueName,
        /// The one that was asked for; else it was all of them.
        job: Option<JobId>,
        /// How many are known to be jobs again.
        jobs: usize,
        /// Whether those are all: the store of the queue answered to the end.
        is_all: bool,
    },
    /// Another schema is in force.
    SchemaChanged {
        /// Its number.
        number: u64,
    },
    /// Members were removed because the schema no longer has their worker.
    WorkerRemoved {
        /// The worker.
        worker: WorkerName,
    },
}
