//! Settings of a worker and of a master: read from code, environment and file, checked once, and
//! turned into a type that cannot be wrong. Every mistake is reported at once, with its place and
//! what to write instead; `docs/CONFIGURATION.md` has the table of all keys.
//!
//! * `sources.rs`: [`Sources`], where settings come from and which of them wins
//! * `settings.rs`: what may be set ([`WorkerSettings`], [`MasterSettings`], [`LimitsSettings`]),
//!   and the list of keys that follows from it
//! * `worker.rs`, `master.rs`, `store.rs`, `credentials.rs`, `limits.rs`: the resolved side,
//!   [`WorkerConfig`], [`MasterConfig`] and [`StoreConfig`]
//! * `address.rs`, `queue.rs`, `secret_text.rs`: the types of some values
//! * `key.rs`, `layer.rs`, `file.rs`, `environment.rs`: one source of settings each, as a layer
//! * `fields.rs`: reading one value of the merged layers
//! * `mistake.rs`: [`ConfigError`] and its [`ConfigMistake`]s
//!
//! ```
//! use meshwork_shared::config::{Sources, WorkerConfig, WorkerSettings};
//!
//! let environment = [("MESHWORK_MASTER", "http://10.0.0.1"), ("MESHWORK_GRACE", "25")];
//! let sources = Sources::from_environment(environment);
//! let in_code = WorkerSettings { worker: Some("thumbnailer".into()), ..Default::default() };
//! let error = WorkerConfig::load(&sources, &in_code).unwrap_err();
//! // The port of the master, the unit of the grace period, and no secret at all.
//! assert_eq!(error.mistakes.len(), 3);
//! ```

mod address;
mod credentials;
mod environment;
mod fields;
mod file;
mod key;
mod layer;
mod limits;
mod master;
mod mistake;
mod queue;
mod secret_text;
mod settings;
mod sources;
mod store;
#[cfg(test)]
mod tests;
mod worker;

pub use address::{AddressError, HostPort, MasterAddress};
pub use credentials::Credentials;
pub use master::{LEASE_DEFAULT, MasterConfig, STATE_DIR_DEFAULT};
pub use mistake::{ConfigError, ConfigMistake};
pub use queue::QueueAddress;
pub use secret_text::SecretText;
pub use settings::{HandshakeSettings, LimitsSettings, MasterSettings, WorkerSettings};
pub use sources::{ENVIRONMENT_PREFIX, FILE_BYTES_MAX, Sources};
pub use store::StoreConfig;
pub use worker::{ADVERTISE_MAX, GRACE_DEFAULT, WorkerConfig};
