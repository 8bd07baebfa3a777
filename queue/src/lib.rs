//! Durable jobs: what happens to a queued call between the moment it is acknowledged and the moment
//! its handler is done with it.
//!
//! The contract, the same in every backend and checked by one suite of tests: a job is acknowledged
//! only when it is stored; it is leased to one consumer at a time; it is gone when that consumer
//! says that it is done; else it runs again after a growing wait, up to its attempts; then it is a
//! dead letter with its history. So each acknowledged job runs **at least once**, and jobs start in
//! the order in which they were stored as long as none of them is retried.
//!
//! This crate knows no link, no actor and no handler: the worker crate feeds it and runs its jobs.
//!
//! # Layout
//! * [`backend`]: the seam, [`QueueBackend`]
//! * [`memory`]: the embedded default; the queue lives and dies with its process
//! * [`job`]: what is stored, leased and told
//! * [`options`]: how a queue treats its jobs, from the schema
//! * [`limits`]: every bound
//! * [`error`]: why an operation was refused
//! * [`backoff`]: the wait between two attempts
//!
//! # Example
//! ```
//! use meshwork_queue::{JobEnd, MemoryBackend, NewJob, QueueBackend, QueueOptions};
//! use meshwork_shared::{clock::Clock, codec::Codec, random::Random};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queue = MemoryBackend::new(QueueOptions::default(), Random::system(), Clock::system());
//! let caller = "gateway".parse()?;
//! let job = NewJob::new(caller, "pod-1".parse()?, Codec::Json, br#"{"page":1}"#.as_slice());
//! let id = queue.enqueue(job).await?;
//!
//! let lease = queue.lease().await;
//! assert_eq!((lease.id, lease.attempt), (id, 1));
//! queue.finish(lease.token(), JobEnd::Done).await?;
//! assert_eq!(queue.depth().await.live(), 0);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod backend;
pub mod backoff;
pub mod error;
pub mod job;
pub mod limits;
pub mod memory;
pub mod options;

pub use backend::QueueBackend;
pub use error::{EnqueueError, FinishError};
pub use job::{
    Attempt, AttemptError, DeadLetter, Finished, JobEnd, Lease, LeaseToken, NewJob, QueueDepth,
};
pub use limits::QueueLimits;
pub use memory::{MemoryBackend, MemoryQueue};
pub use options::QueueOptions;
