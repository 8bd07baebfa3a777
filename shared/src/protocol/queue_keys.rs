//! `queue_keys`: what queued jobs are sealed with in a store that others can write to. CAST, and
//! part of the welcome.

use meshwork_schema::{CommandName, WorkerName};
use serde::{Deserialize, Serialize};

use super::{SecretBinary, bounded, limits};

/// The keys of one epoch of the queue root that the schema gives a worker; replaces those of the
/// same epoch. The welcome has the newest epoch; the others that are kept follow, newest first.
/// Sent again whenever the schema changes or the root is rotated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueKeys {
    /// The epochs whose keys still open, oldest first; the last is the one to seal with. Keys of
    /// any other are forgotten.
    #[serde(deserialize_with = "bounded::list::<{ limits::QUEUE_ROOTS_MAX }, _, _>")]
    pub kept: Vec<u64>,
    /// Which epoch the keys are of.
    pub epoch: u64,
    /// Opens the jobs of this worker's own commands and seals those that it gives itself; absent
    /// if none of its commands is queued.
    pub own: Option<SecretBinary<32>>,
    /// The keys of those whose queued commands it may call, sorted by name.
    #[serde(deserialize_with = "bounded::list::<{ limits::WORKERS_MAX }, _, _>")]
    pub callees: Vec<CalleeGrants>,
}

/// The queued commands of one worker that another may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalleeGrants {
    /// Whose commands.
    pub worker: WorkerName,
    /// The commands, sorted by name.
    #[serde(deserialize_with = "bounded::list::<{ limits::COMMANDS_MAX }, _, _>")]
    pub commands: Vec<CommandGrant>,
}

/// The key with which one worker seals jobs of one command of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandGrant {
    /// Which command.
    pub command: CommandName,
    /// The key.
    pub key: SecretBinary<32>,
}
