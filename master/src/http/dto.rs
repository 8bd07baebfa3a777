//! The shapes of the answers, apart from the types that the master works with: what stands here is
//! what programs of others read. `docs/HTTP.md` shows an example of each.
//!
//! * `mesh.rs`: the whole picture

mod mesh;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use meshwork_schema::{Changes, CommandName, Fingerprint, Variant, WorkerName};
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::protocol::Status;
use serde::{Deserialize, Serialize};

pub use mesh::{
    CallRates, CommandAccess, CommandRow, DeadLetters, DeadRow, MasterRow, Mesh, MeshLink,
    MeshMember, ProcessRow, QueueRow, QueueStore, QueueStoreState, Retried, TrafficRow, WorkerRow,
};

/// The registry answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`.
    pub status: String,
}

/// Whether workers can join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Workers can join.
    pub ready: bool,
    /// It had time to hear from every worker since its start.
    pub settled: bool,
}

/// Where the mesh port is; open to everybody, and no more than that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterInfo {
    /// The port at which workers join, on the host that was asked.
    pub mesh_port: u16,
    /// Where workers reach the mesh port, best first, if the master was told (`advertise`); then
    /// these count, and not the host that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mesh_addresses: Vec<String>,
    /// Short name of the authority key, 16 hex digits.
    pub authority: String,
}

/// Who is a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberList {
    /// Which life of the master this is.
    pub epoch: u64,
    /// It had time to hear from every worker since its start.
    pub settled: bool,
    /// All members, by worker and variant.
    pub members: Vec<MemberRow>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberRow {
    /// What kind of process it is.
    pub worker: WorkerName,
    /// Which instance.
    pub variant: Variant,
    /// Which life of the variant.
    pub incarnation: Incarnation,
    /// `joining`, `ready`, `draining` or `lost`.
    pub status: Status,
    /// Its public key, hex.
    pub node: NodeId,
    /// Where it listens, best first.
    pub addresses: Vec<SocketAddr>,
    /// The commands that it serves.
    pub commands: Vec<CommandName>,
    /// Number of the schema when it joined.
    pub schema: u64,
    /// When it was admitted in this incarnation, unix milliseconds.
    pub since_unix_ms: u64,
    /// Serial of its ticket.
    pub ticket_serial: u64,
    /// Unix second at which its ticket ends.
    pub ticket_ends_unix_s: u64,
}

/// The schema in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemaInfo {
    /// Its number.
    pub number: u64,
    /// Hash of its canonical text, hex.
    pub fingerprint: Fingerprint,
    /// It was applied over the one that the schema file has, or the master was started with.
    pub applied: bool,
    /// The last attempt to load one.
    pub last_reload: ReloadInfo,
    /// Why the schema file is not in force, if it is to be; until it is mended or taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_file: Option<ReloadInfo>,
    /// The schema itself, canonical.
    pub schema: serde_json::Value,
}

/// The last attempt to load a schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadInfo {
    /// When, unix milliseconds.
    pub at_unix_ms: u64,
    /// Who wanted it: `start`, `file` or `operator`.
    pub by: String,
    /// `started`, `unchanged`, `changed` or `refused`.
    pub outcome: String,
    /// What is wrong with it or what it would break, if it was refused; the one before stays in
    /// force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

/// A schema that was taken, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaApplied {
    /// `unchanged`, `changed`, or `checked` if it was only asked about.
    pub outcome: String,
    /// Number of the schema in force.
    pub number: u64,
    /// Hash of the canonical text of the schema in force, hex.
    pub fingerprint: Fingerprint,
    /// What it changes, or would.
    pub changes: Changes,
}

/// A schema that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaProblem {
    /// A word for programs: `mistakes`, `breaking`, `too_large`.
    pub error: String,
    /// A sentence for people: what is wrong and what to do.
    pub message: String,
    /// All mistakes, each with the line that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// What it would change, and what of it breaks what runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// How often what happened since the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterList {
    /// Counts by name; they only grow, but for `links`, which is how many are open.
    pub counters: BTreeMap<String, u64>,
}

/// What a revocation removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The members that are none any more.
    pub revoked: Vec<MemberName>,
}

/// A member's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberName {
    /// What kind of process.
    pub worker: WorkerName,
    /// Which instance.
    pub variant: Variant,
}

/// The queue roots: what jobs in a shared store are sealed under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRoots {
    /// The epoch that jobs are sealed under: the unix millisecond at which its root was made, or
    /// one more than the epoch before.
    pub epoch: u64,
    /// All epochs that still open jobs, oldest first.
    pub kept: Vec<u64>,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A word for programs.
    pub error: String,
    /// A sentence for people: what is wrong and what to do.
    pub message: String,
}
