//! The shapes of the answers, apart from the types that the worker works with: what stands here is
//! what programs of others read. `docs/HTTP.md` shows an example of each.

use std::net::SocketAddr;

use meshwork_schema::{Fingerprint, Variant, WorkerName};
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::protocol::Status;
use serde::{Deserialize, Serialize};

/// The process runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`.
    pub status: String,
}

/// Whether calls get through to this worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// They do.
    pub ready: bool,
    /// What keeps them from it, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not a member of the mesh yet.
    Joining,
    /// A member that takes calls.
    Ready,
    /// It finishes what runs, and takes nothing new.
    Draining,
}

/// What this worker is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// What kind of process it is.
    pub worker: WorkerName,
    /// Which instance.
    pub variant: Variant,
    /// Which life of it; 0 until the master has given a number.
    pub incarnation: Incarnation,
    /// Its public key.
    pub node: NodeId,
    /// Version of the Meshwork library that it was built with.
    pub version: String,
    /// The schema that it goes by, once it has one.
    pub schema: Option<SchemaRow>,
    /// How far it is.
    pub state: State,
    /// Whether there is a session with the master.
    pub has_master: bool,
    /// Where it listens for other workers.
    pub listen: Option<SocketAddr>,
    /// Seconds since its start.
    pub uptime_s: u64,
    /// Longest time that running handlers have at shutdown, milliseconds.
    pub grace_ms: u64,
    /// Handlers and jobs that run now.
    pub running: usize,
}

/// A schema, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaRow {
    /// The number that the master gave it.
    pub number: u64,
    /// What is in it.
    pub fingerprint: Fingerprint,
}

/// Whom this worker knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerList {
    /// By worker and variant.
    pub peers: Vec<PeerRow>,
}

/// One instance that this worker may link to, or that has linked to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRow {
    /// What kind of process it is.
    pub worker: WorkerName,
    /// Which instance.
    pub variant: Variant,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// How the master sees it; `None` if it has not told of it.
    pub status: Option<Status>,
    /// Whether a link leads to it.
    pub linked: bool,
    /// It takes no new calls.
    pub draining: bool,
    /// Calls of ours to it that are not over.
    pub in_flight: usize,
    /// How long a PING took there and back when that was last measured, microseconds; `None` in
    /// the first seconds of a link, and without one.
    #[serde(default)]
    pub round_trip_us: Option<u64>,
}

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One word, for a program.
    pub error: String,
    /// What is wrong and what to do, for a person.
    pub message: String,
}
