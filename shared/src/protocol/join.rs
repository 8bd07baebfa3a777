//! `join`: a worker asks to be let in. CALL; the answer is [`JoinReply`].

use std::net::SocketAddr;

use meshwork_schema::{CommandName, Fingerprint, Variant, WorkerName};
use serde::{Deserialize, Serialize};

use super::{Binary, Refusal, Status, Welcome, bounded, limits};

/// Tells one start of a process from the next: random, made at start, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(pub u64);

/// A worker asks to be let in, the first time or again. Its key is proven by the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// What it claims to be; with a join key, only that key's worker is admitted.
    pub worker: WorkerName,
    /// Which instance it claims to be.
    pub variant: Variant,
    /// This start of the process.
    pub process: ProcessId,
    /// Where it listens, best first; empty if it cannot be dialled.
    #[serde(deserialize_with = "bounded::list::<{ limits::ADDRESSES_MAX }, _, _>")]
    pub addresses: Vec<SocketAddr>,
    /// The commands that it serves.
    #[serde(deserialize_with = "bounded::list::<{ limits::COMMANDS_MAX }, _, _>")]
    pub commands: Vec<CommandName>,
    /// How it sees itself: `Joining` at first, what it was when it comes back. Never `Lost`.
    pub status: Status,
    /// The ticket that this process got before, if it comes back; a new process has none.
    pub ticket: Option<Binary<{ limits::TICKET_BYTES_MAX }>>,
    /// Of all peers' tickets that it has seen, the one with the highest incarnation, if it comes
    /// back: a master that has lost its state and its time still never gives a number twice.
    pub witness: Option<Binary<{ limits::TICKET_BYTES_MAX }>>,
    /// The schema that it holds, if any.
    pub schema: Option<KnownSchema>,
}

/// A schema that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSchema {
    /// Its number.
    pub number: u64,
    /// Hash of its canonical bytes.
    pub fingerprint: Fingerprint,
    /// The authority's signature, the last 64 bytes of the signed schema: a master with the same
    /// schema can check it, and keeps the number.
    pub signature: Option<Binary<64>>,
}

/// The answer to `join`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinReply {
    /// It is a member now.
    Welcome(Box<Welcome>),
    /// It is not; the link may be used for another try.
    Refused(Refusal),
}
