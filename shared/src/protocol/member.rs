//! A registered instance of a worker, as others may know it.

use std::fmt;
use std::net::SocketAddr;

use meshwork_schema::{CommandName, Variant, WorkerName};
use serde::{Deserialize, Serialize};

use super::{bounded, limits};
use crate::ids::{Incarnation, NodeId};

/// Which member: at any time one process holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberKey {
    /// What kind of process it is.
    pub worker: WorkerName,
    /// Which instance of that kind.
    pub variant: Variant,
}

impl fmt::Display for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.worker, self.variant)
    }
}

/// How the master sees a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Admitted, does not take calls yet.
    Joining,
    /// Takes calls.
    Ready,
    /// Finishes what it has, takes nothing new.
    Draining,
    /// The master has no link to it. An opinion, no more: peers keep the link and route over it
    /// while their own PINGs are answered, and stop redialling after a lease.
    Lost,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Joining => "joining",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Lost => "lost",
        })
    }
}

/// A registered instance of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Worker and variant.
    #[serde(flatten)]
    pub key: MemberKey,
    /// Which life of the variant; a higher one replaces it.
    pub incarnation: Incarnation,
    /// Public key of the process.
    pub node: NodeId,
    /// Where it listens, best first; empty if it cannot be dialled.
    #[serde(deserialize_with = "bounded::list::<{ limits::ADDRESSES_MAX }, _, _>")]
    pub addresses: Vec<SocketAddr>,
    /// Number of the schema when it joined; a link's handshake tells the present one.
    pub schema: u64,
    /// The commands that it serves, sorted; a call goes only to who serves its command.
    #[serde(deserialize_with = "bounded::list::<{ limits::COMMANDS_MAX }, _, _>")]
    pub commands: Vec<CommandName>,
    /// How the master sees it.
    pub status: Status,
}

impl Member {
    /// Whether it serves `command`.
    pub fn serves(&self, command: &str) -> bool {
        self.commands.binary_search_by(|name| name.as_ref().cmp(command)).is_ok()
    }

    /// About how many bytes it takes in JSON; for cutting views into pages.
    pub fn encoded_bytes(&self) -> usize {
        let commands: usize = self.commands.iter().map(|name| name.as_ref().len() + 3).sum();
        320 + self.addresses.len() * 50 + commands
    }
}
