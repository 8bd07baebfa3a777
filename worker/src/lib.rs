//! The library that a Meshwork worker embeds: it joins the mesh, links to the peers that the schema
//! allows, serves the commands that the schema names, and calls those of others. It is not the
//! master, and it decides nothing about membership.
//!
//! # Layout
//! * [`builder`]: from settings and handlers to a running [`Worker`]
//! * [`worker`]: the handle: calls, queries, shutdown
//! * [`command`], [`context`], [`handler`]: what user code declares, knows and writes
//! * [`call`]: balanced, broadcast, direct and queued calls
//! * [`hooks`]: what user code is told
//! * `control`: the actor that owns membership, links and the session with the master;
//!   `peers` is its pure core, `routes` the snapshot that calls read
//! * `service`, `slots`: how calls of peers are served
//! * [`jobs`]: queued calls, stored and run
//! * `http`: what a worker tells of itself by HTTP; `own_link`: how it calls itself to know
//! * [`metrics`]: what a worker counts of itself; `traces`: calls that are followed through a mesh
//! * `session`, `trust`, `authority`, `discover`: how the mesh is joined, and who is believed
//!
//! # A whole worker
//! ```no_run
//! use meshwork_worker::{Command, Context, Failure, Worker};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Add {
//!     a: u64,
//!     b: u64,
//! }
//!
//! impl Command for Add {
//!     const WORKER: &'static str = "calculator";
//!     const NAME: &'static str = "add";
//!     type Reply = u64;
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Master and secret come from MESHWORK_MASTER and MESHWORK_SECRET_FILE.
//!     let worker = Worker::builder("calculator")
//!         .handle(|_: Context, add: Add| async move {
//!             add.a.checked_add(add.b).ok_or(Failure::new("overflow", "the sum is too large"))
//!         })
//!         .start()
//!         .await?;
//!     worker.run_until_signal().await?;
//!     Ok(())
//! }
//! ```
#![forbid(unsafe_code)]

mod activity;
mod authority;
pub mod builder;
pub mod call;
pub mod command;
pub mod context;
mod control;
mod discover;
pub mod handler;
pub mod hooks;
#[cfg(feature = "http")]
pub mod http;
pub mod jobs;
pub mod metrics;
mod own_link;
mod peers;
mod routes;
mod service;
pub mod session;
mod signal;
mod slots;
mod start;
mod traces;
mod trust;
mod wakeup;
pub mod worker;

pub use builder::{Builder, StartError};
pub use call::broadcast::{InstanceOutcome, Outcomes};
pub use call::direct::Peer;
pub use call::enqueue::{Enqueue, Receipt};
pub use call::enqueue_all::EnqueueAll;
pub use call::enqueue_broadcast::EnqueueBroadcast;
pub use call::options::{CallOptions, Strategy};
pub use command::Command;
pub use context::{Caller, Context, JobRun};
pub use hooks::Disconnection;
pub use jobs::event::{JobEvent, JobEventKind};
pub use jobs::figures::JobFigures;
pub use jobs::handle::{JobError, JobHandle, JobRef};
pub use jobs::options::JobOptions;
pub use meshwork_queue::{Canceled, JobStatus, Priority, QueueBackend, QueueDepth, QueueName};
pub use meshwork_schema::Variant;
pub use meshwork_shared::codec::Codec;
pub use meshwork_shared::config::Sources;
pub use meshwork_shared::ids::JobId;
pub use meshwork_shared::logging;
pub use meshwork_shared::outcome::{CallError, Failure, NotExecuted, UnknownCause};
pub use meshwork_shared::protocol::MemberKey;
pub use meshwork_shared::record::TraceContext;
pub use metrics::Metrics;
pub use worker::{Identity, Worker};
