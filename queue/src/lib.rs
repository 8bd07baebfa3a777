//! Durable jobs: what happens to a queued call between the moment it is acknowledged and the moment
//! its handler is done with it.
//!
//! The contract, the same in every backend and checked by one suite of tests: a job is acknowledged
//! only when it is stored; it is leased to one consumer at a time, for as long as that one renews
//! it; it is over when that consumer says that it is done; else it runs again after a growing wait,
//! up to its attempts; then it is a dead letter with its history. So each acknowledged job runs
//! **at least once**, and jobs of one priority start in the order in which they were stored as long
//! as none of them is retried. A lease that is lost counts as an attempt, so that a job that kills
//! its process does so a bounded number of times.
//!
//! This crate knows no link, no actor and no handler: the worker crate feeds it and runs its jobs.
//!
//! # Layout
//! * [`backend`]: the seam, [`QueueBackend`] and [`Queue`]
//! * [`name`]: which queue
//! * [`memory`]: the embedded default; the queue lives and dies with its process
//! * `file` (with the feature of this name): one file shared by the processes of one machine
//! * `redis` (with the feature of this name): Redis or Valkey, shared by the whole mesh
//! * [`mod@open`]: which of them an address names
//! * [`job`]: what is stored, leased and told
//! * [`status`]: what can be asked about jobs and queues
//! * [`repeat`]: which jobs a command that runs by itself needs now
//! * [`options`]: how a queue treats its jobs, from the schema
//! * [`seal`]: jobs that only their callee can read and only who may call can write
//! * [`limits`]: every bound
//! * [`bounds`]: those that the address of a store may give
//! * [`error`]: why an operation was refused
//! * [`backoff`]: the wait between two attempts
//!
//! # Example
//! ```
//! use meshwork_queue::{JobEnd, MemoryBackend, NewJob, QueueBackend, QueueName, QueueOptions};
//! use meshwork_shared::{clock::Clock, codec::Codec, ids::JobId, random::Random};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let random = Random::system();
//! let backend = MemoryBackend::new(random.clone(), Clock::system());
//! let name = QueueName::balanced("thumbnailer".parse()?, "resize".parse()?);
//! let queue = backend.open(name, QueueOptions::default());
//!
//! let id = JobId(random.bytes());
//! let body = br#"{"page":1}"#.as_slice();
//! let job = NewJob::new(id, "gateway".parse()?, "pod-1".parse()?, Codec::Json, body);
//! for stored in queue.enqueue(vec![job]).await {
//!     assert_eq!(stored?.id, id);
//! }
//!
//! for lease in queue.lease("pod-2#1", 8).await {
//!     assert_eq!((lease.id, lease.attempt), (id, 1));
//!     queue.finish(lease.token(), JobEnd::Done { reply: None }).await?;
//! }
//! assert_eq!(queue.depth().await?.live(), 0);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod backend;
pub mod backoff;
pub mod bounds;
pub mod error;
#[cfg(feature = "file")]
pub mod file;
pub mod job;
pub mod limits;
pub mod memory;
pub mod name;
pub mod open;
pub mod options;
#[cfg(feature = "redis")]
pub mod redis;
pub mod repeat;
pub mod seal;
mod size;
pub mod status;

pub use backend::{Queue, QueueBackend, Scope};
pub use bounds::QueueBounds;
pub use error::{EnqueueError, FinishError, Unavailable};
#[cfg(feature = "file")]
pub use file::{FileBackend, FileOpenError, FileOptions, FileSync};
pub use job::{
    Attempt, AttemptError, DeadLetter, Dedupe, Enqueued, Finished, JobEnd, Lease, LeaseToken,
    NewJob, Priority, Start,
};
pub use limits::QueueLimits;
pub use memory::{MemoryBackend, MemoryQueue};
pub use name::{QueueName, QueueNameError};
pub use open::{OpenError, open};
pub use options::QueueOptions;
#[cfg(feature = "redis")]
pub use redis::RedisBackend;
pub use status::{Canceled, JobStatus, JobSummary, QueueDepth, Reply, Section};
