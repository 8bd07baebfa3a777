//! The coordinator of a Meshwork mesh: registers workers, admits them, tells them of each other.
//! It is never on the path of a call.
//!
//! * [`registry`]: who is a member and who is told, without sockets or clocks; and the actor around
//!   it, which owns it and carries its effects out
//! * `builder.rs`, `start_error.rs`: [`MasterBuilder`], what a master is started with, and what can
//!   go wrong then
//! * `master.rs`: [`Master`], the handle of a running one
//! * `shell.rs`: what runs: opens all parts in order, closes them in order
//! * `doorman.rs`: who may knock at the mesh port, and how the master introduces itself
//! * `session.rs`: the master's end of the conversation with one worker
//! * `signing.rs`: everything that the authority key is used for
//! * `queue_roots.rs`: what jobs in a shared store are sealed with, and who gets which key
//! * `schema_change.rs`: another schema while workers run; `schema_file.rs`: the file it stands in
//! * `state/`: [`State`], what survives a restart
//! * `metrics.rs`: what is counted, as text for Prometheus
//! * `audit.rs`: the audit log and its counters
//! * [`events`]: what happened, numbered, for whoever looks on
//! * `figures/`: what members report, put together
//! * [`http`]: the HTTP side
//!
//! ```no_run
//! use meshwork_master::Master;
//! use meshwork_schema::Schema;
//! use meshwork_shared::config::MasterConfig;
//! use meshwork_shared::random::Random;
//! use meshwork_shared::secret::MeshSecret;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let schema = Schema::from_toml("[gateway]\n_connect = [\"thumbnailer\"]\n[thumbnailer]\n_allow =
//! [\"gateway\"]")?; let secret = MeshSecret::generate(&Random::system());
//! let mut config = MasterConfig::new(secret);
//! config.mesh_listen = "127.0.0.1:0".parse()?;
//! config.http_listen = "127.0.0.1:0".parse()?;
//! let master = Master::builder(schema, config).start().await?;
//! println!("workers join at {}, authority {}", master.mesh_addr(), master.authority());
//! master.shutdown().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod audit;
mod builder;
mod doorman;
pub mod events;
mod figures;
pub mod http;
mod master;
mod metrics;
mod queue_roots;
pub mod registry;
mod schema_change;
mod schema_file;
mod session;
mod shell;
mod signing;
mod start_error;
mod state;

pub use builder::MasterBuilder;
pub use master::{Master, Members, RevokeFailure, RotateFailure, Stopped};
pub use queue_roots::{QueueRootStatus, RotateError};
pub use schema_change::{
    Apply, LastReload, ReloadError, Reloaded, SchemaChange, SchemaSource, SchemaStatus,
};
pub use start_error::StartError;
pub use state::{State, StateError};
