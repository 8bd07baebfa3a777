//! The good answer to `join`.

use std::time::Duration;

use meshwork_schema::Fingerprint;
use serde::{Deserialize, Serialize};

use super::{Binary, LinkSecrets, QueueKeys, Revoke, View, limits};
use crate::ids::Incarnation;

/// The worker is a member now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Which life of the variant it is.
    pub incarnation: Incarnation,
    /// Its ticket.
    pub ticket: Binary<{ limits::TICKET_BYTES_MAX }>,
    /// How long the master may be silent before a lost member is no longer redialled, in
    /// milliseconds.
    pub lease_ms: u64,
    /// The schema, or that the known one still holds.
    pub schema: SchemaNews,
    /// The secrets of worker links.
    pub link_secrets: LinkSecrets,
    /// The newest keys of queued jobs; absent from a master that keeps none.
    #[serde(default)]
    pub queue_keys: Option<Box<QueueKeys>>,
    /// Tickets that are no longer good.
    pub revoked: Revoke,
    /// First page of the view; carries the master's epoch.
    pub view: View,
}

impl Welcome {
    /// [`Welcome::lease_ms`] as a duration.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }
}

/// The schema, or that the known one still holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaNews {
    /// The schema that the worker named is the master's.
    Unchanged {
        /// Its number.
        number: u64,
        /// Hash of its canonical bytes.
        fingerprint: Fingerprint,
    },
    /// The signed schema.
    Signed(Binary<{ limits::SCHEMA_BYTES_MAX }>),
}
