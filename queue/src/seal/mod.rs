//! Sealing of jobs for stores that others than the callee can write to. Pure: keys come from the
//! master ([`QueueKeys`]), jobs from whoever enqueues and leases. No backend calls this: to them a
//! sealed body is a body.
//!
//! What it gives: a job opens only at the worker that it is for, as the job that was enqueued, and
//! only if the named caller sealed it, to whom the master gave a key because the schema lets it
//! call. What it cannot give, for it is the store's: that a job is not deleted, delayed, put before
//! another, or brought back once its end is forgotten.
//!
//! * `keys.rs`: [`JobKeys`], all that a worker holds at a time, with what it seals and opens
//! * `error.rs`: [`SealError`], [`OpenError`]

mod error;
mod keys;
#[cfg(test)]
mod tests;

pub use error::{OpenError, SealError};
pub use keys::JobKeys;
pub use meshwork_shared::protocol::QueueKeys;
