//! Why a worker was not let in.

use meshwork_schema::WorkerName;
use serde::{Deserialize, Serialize};

use super::{MemberKey, bounded, limits};
use crate::ids::Incarnation;

/// Why a worker was not let in, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// A live process holds the variant. Wait until it is gone, or choose another variant.
    /// Retry with backoff.
    #[error(
        "{key} is held by a live process (incarnation {incarnation}, since unix ms \
         {since_unix_ms}); stop that one or choose another variant"
    )]
    NameTaken {
        /// Worker and variant.
        key: MemberKey,
        /// Incarnation of the holder.
        incarnation: Incarnation,
        /// When the holder was admitted, unix milliseconds by the master's clock.
        since_unix_ms: u64,
    },
    /// A live process with the same node key is a member under another name: an identity file
    /// was copied. Give each process a key of its own. Retry with backoff.
    #[error("the node key is in use by {key}; give each process an identity file of its own")]
    KeyInUse {
        /// Who uses the key.
        key: MemberKey,
    },
    /// The schema has no such worker. Correct the name, or load a schema that has it.
    #[error("the schema has no worker `{worker}`")]
    UnknownWorker {
        /// The name that was claimed.
        worker: WorkerName,
    },
    /// The join key was made for another worker. Use that worker's own key.
    #[error(
        "the join key does not admit `{worker}`; make one with `meshwork keygen join {worker}`"
    )]
    NotYourName {
        /// The name that was claimed.
        worker: WorkerName,
    },
    /// The ticket or the node key was revoked by an operator.
    #[error("revoked by an operator")]
    Revoked,
    /// The master is shutting down. Retry with backoff.
    #[error("the master is shutting down")]
    Draining,
    /// The mesh or the worker has as many members as it may. Retry with backoff.
    #[error("the limit of {limit} members is reached")]
    Full {
        /// The limit that was reached.
        limit: usize,
    },
    /// The link is a member already, or waits to become one. A mistake in the worker's code.
    #[error("this link has joined already")]
    AlreadyJoined,
    /// Something in the request cannot be. A mistake in configuration or code; `reason` names it.
    #[error("{reason}")]
    Invalid {
        /// What is wrong.
        #[serde(deserialize_with = "bounded::text::<{ limits::TEXT_BYTES_MAX }, _>")]
        reason: String,
    },
}

impl Refusal {
    /// Whether the same request may succeed later without anybody's change to it.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NameTaken { .. } | Self::KeyInUse { .. } | Self::Draining | Self::Full { .. } => {
                true
            }
            Self::UnknownWorker { .. }
            | Self::NotYourName { .. }
            | Self::Revoked
            | Self::AlreadyJoined
            | Self::Invalid { .. } => false,
        }
    }
}
