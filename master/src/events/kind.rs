//! What can happen.

use std::net::IpAddr;

use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::protocol::limits::TEXT_BYTES_MAX;
use meshwork_shared::protocol::{MemberKey, Refusal, RemovalReason, Status};
use serde::{Deserialize, Serialize};

/// Bytes of the report of a refused schema in an event; the whole is at `/v1/schema`.
const REPORT_BYTES_MAX: usize = 1024;

/// What happened. In JSON its name stands in `kind`; more kinds may be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// The master has started: the first event of every epoch.
    MasterStarted {
        /// Version of the master.
        version: String,
        /// Number of the schema in force.
        schema: u64,
    },
    /// A process became a member, or came back as one.
    Joined {
        /// Which member.
        member: MemberKey,
        /// Which life of it.
        incarnation: Incarnation,
        /// The process.
        node: NodeId,
        /// Whether it kept an incarnation that it had before.
        returned: bool,
    },
    /// A member takes calls.
    Ready {
        /// Which member.
        member: MemberKey,
    },
    /// A member finishes what it has and takes nothing new.
    Draining {
        /// Which member.
        member: MemberKey,
    },
    /// A member is none any more.
    Left {
        /// Which member.
        member: MemberKey,
        /// Why.
        reason: RemovalReason,
    },
    /// The master's link to a member ended without a word. It stays a member, and its peers go on
    /// with it, until it is back or its time is over.
    Lost {
        /// Which member.
        member: MemberKey,
    },
    /// Two members are linked.
    LinkUp {
        /// One of them.
        member: MemberKey,
        /// The other one.
        peer: MemberKey,
    },
    /// Two members are no longer linked.
    LinkDown {
        /// One of them.
        member: MemberKey,
        /// The other one.
        peer: MemberKey,
    },
    /// So many links of one member came or went at a time that they are told as a number.
    LinksChanged {
        /// Which member.
        member: MemberKey,
        /// Links that came.
        up: usize,
        /// Links that went.
        down: usize,
    },
    /// Another schema is in force.
    SchemaChanged {
        /// Its number.
        schema: u64,
    },
    /// A schema was tried and is refused; the one before stays in force.
    SchemaRefused {
        /// What is wrong with it, cut to 1 KiB.
        report: String,
    },
    /// A process was not let in. At most one a second for each cause; the others are counted.
    AdmissionRefused {
        /// What it claimed to be.
        member: MemberKey,
        /// The process.
        node: NodeId,
        /// Why, as a word: that of its counter at `/v1/counters`.
        cause: String,
        /// Why, as a sentence.
        message: String,
        /// How many refusals of that cause this stands for.
        times: u64,
    },
    /// A handshake at the mesh port was refused: who dialled showed no secret, a wrong one, or
    /// nothing that can be read. At most one a minute for each cause; the others are counted.
    HandshakeRefused {
        /// Why, as a word: that of its counter.
        cause: String,
        /// Where the last of them came from.
        from: IpAddr,
        /// How many refusals of that cause this stands for.
        times: u64,
    },
    /// A job has failed for good.
    DeadLetter {
        /// The queue that it came from.
        queue: String,
        /// The job.
        job: String,
        /// The member that ran it last.
        member: MemberKey,
        /// Number of that run.
        attempt: u32,
        /// How it failed, as that member says, or who found it in the queue.
        error: String,
    },
}

impl EventKind {
    /// What it means that a member has this status now, unless that is told otherwise.
    pub(crate) fn of_status(member: MemberKey, status: Status) -> Option<Self> {
        match status {
            Status::Ready => Some(Self::Ready { member }),
            Status::Draining => Some(Self::Draining { member }),
            // The one is `Joined`; the other is told when the link is lost.
            Status::Joining | Status::Lost => None,
        }
    }

    /// A schema was refused.
    pub(crate) fn schema_refused(report: &str) -> Self {
        Self::SchemaRefused { report: cut(report, REPORT_BYTES_MAX) }
    }

    /// A join was refused.
    pub(crate) fn admission_refused(
        member: MemberKey,
        node: NodeId,
        cause: &str,
        refusal: &Refusal,
        times: u64,
    ) -> Self {
        let message = cut(&refusal.to_string(), TEXT_BYTES_MAX);
        Self::AdmissionRefused { member, node, cause: cause.to_owned(), message, times }
    }
}

/// At most `bytes` of a text.
fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}
