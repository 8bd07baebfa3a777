//! The whole picture of a mesh, as the dashboard and `meshwork top` show it.

use std::net::SocketAddr;

use meshwork_schema::{CommandName, Fingerprint, Variant, WorkerName};
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::protocol::Status;
use serde::{Deserialize, Serialize};

/// The whole picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mesh {
    /// When it was taken, unix milliseconds.
    pub at_unix_ms: u64,
    /// The master itself.
    pub master: MasterRow,
    /// The workers of the schema, by name.
    pub workers: Vec<WorkerRow>,
    /// All members, by worker and variant.
    pub members: Vec<MeshMember>,
    /// Links between members, each once.
    pub links: Vec<MeshLink>,
    /// Rates and latency of every command that a member has reported, by worker and command.
    pub commands: Vec<CommandRow>,
    /// What workers ask each other for.
    pub traffic: Vec<TrafficRow>,
    /// What is known of queues: the first 256 by name.
    pub queues: Vec<QueueRow>,
    /// How many more there are.
    #[serde(default)]
    pub queues_left_out: usize,
    /// Where the master looks for queues.
    pub queue_store: QueueStore,
}

/// The master itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MasterRow {
    /// Version of the runtime.
    pub version: String,
    /// How long it runs, milliseconds.
    pub uptime_ms: u64,
    /// Which life of the master this is.
    pub epoch: u64,
    /// It had time to hear from every worker since its start.
    pub settled: bool,
    /// Number of the schema in force.
    pub schema: u64,
    /// Hash of its canonical text, hex.
    pub fingerprint: Fingerprint,
    /// Number of the newest event; see `/v1/events`.
    pub last_event: u64,
}

/// A worker of the schema: what kinds of process there may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerRow {
    /// Its name.
    pub worker: WorkerName,
    /// The workers that its instances dial.
    pub dials: Vec<WorkerName>,
    /// What it can be asked for.
    pub commands: Vec<CommandAccess>,
}

/// A command and who may call it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandAccess {
    /// Its name.
    pub command: CommandName,
    /// Whether every instance is asked, instead of one.
    pub broadcast: bool,
    /// Whether calls become jobs.
    pub queued: bool,
    /// The workers that may call it.
    pub callers: Vec<WorkerName>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeshMember {
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
    /// Number of the schema when it joined.
    pub schema: u64,
    /// When it was admitted in this incarnation, unix milliseconds.
    pub since_unix_ms: u64,
    /// What it says of itself; none if it has not said anything, or is lost.
    pub process: Option<ProcessRow>,
}

/// What a member says of its process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessRow {
    /// Version of the runtime.
    pub version: String,
    /// How long it runs, milliseconds.
    pub uptime_ms: u64,
    /// Handlers and jobs that run.
    pub running: u32,
    /// Number of the schema that it goes by; none if it is of a version that does not say.
    #[serde(default)]
    pub schema: Option<u64>,
    /// How long ago it said so, milliseconds.
    pub age_ms: u64,
}

/// A link between two members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeshLink {
    /// One end, as a place in `members`, from 0.
    pub a: usize,
    /// The other end, likewise.
    pub b: usize,
}

/// Calls a second, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallRates {
    /// Those that succeeded.
    pub ok: f64,
    /// Those whose handler said no.
    pub failed: f64,
    /// Those that were not executed.
    pub not_executed: f64,
    /// How many of those were so because a bound was full; 0 from workers that do not say.
    #[serde(default)]
    pub overloaded: f64,
    /// Those whose outcome is unknown.
    pub unknown: f64,
}

impl CallRates {
    /// All calls a second.
    pub fn total(&self) -> f64 {
        self.ok + self.failed + self.not_executed + self.unknown
    }
}

/// A command, of all instances that serve it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandRow {
    /// Whose command.
    pub worker: WorkerName,
    /// Which command.
    pub command: CommandName,
    /// Instances that report it.
    pub instances: usize,
    /// Calls a second.
    pub per_second: CallRates,
    /// Calls that run or wait for a slot.
    pub running: u64,
    /// Half of the calls of the last minute or so took at most so long, microseconds.
    pub p50_us: Option<u64>,
    /// 99 of 100 of them.
    pub p99_us: Option<u64>,
}

/// What the instances of one worker ask those of another for, as the askers say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrafficRow {
    /// Who asks.
    pub from: WorkerName,
    /// Who is asked.
    pub to: WorkerName,
    /// For which command.
    pub command: CommandName,
    /// Calls a second.
    pub per_second: CallRates,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Its name, `worker.command` or `worker.command@variant`.
    pub queue: String,
    /// Whether the master reaches it: only then can its dead letters be seen and tried again.
    pub reachable: bool,
    /// Jobs that could run now.
    pub ready: u64,
    /// Jobs that wait for their time or their next attempt.
    pub scheduled: u64,
    /// Jobs that run.
    pub running: u64,
    /// Dead letters that are kept.
    pub dead: u64,
    /// How long the oldest of the ready jobs has waited, milliseconds.
    pub oldest_ready_ms: Option<u64>,
    /// Whether leasing is stopped.
    pub paused: bool,
}

/// Dead letters of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// The oldest of them.
    pub dead: Vec<DeadRow>,
    /// How many more there are.
    pub more: usize,
}

/// A dead letter, without its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadRow {
    /// The job, 32 hex digits.
    pub id: String,
    /// Who called, as it said: `worker/variant`.
    pub caller: String,
    /// Runs that it had.
    pub attempts: u32,
    /// When it was stored, unix milliseconds.
    pub enqueued_unix_ms: u64,
    /// When it was given up, unix milliseconds.
    pub died_unix_ms: u64,
    /// How its last run failed.
    pub error: Option<String>,
}

/// What was made of dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Jobs that run again.
    pub retried: usize,
}

/// Where the master looks for queues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStore {
    /// `none`: no `queue` is configured; `reachable`; `unreachable`.
    pub state: QueueStoreState,
    /// What to do about it, for people; none if it is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// How the master and the store of queues get on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueStoreState {
    /// No `queue` is configured under `[master]`.
    None,
    /// It answers.
    Reachable,
    /// It does not.
    Unreachable,
}
