//! The embedded backend: jobs live in the memory of the process that runs them, and die with it.
//!
//! [`MemoryQueue`] is the pure core (no clock, no task); a shell around each gives it the time and
//! whoever waits for a job a way to be woken; [`MemoryBackend`] holds them by name.

mod backend;
mod dead;
mod ended;
mod entry;
mod hash;
mod keys;
mod live;
mod look;
#[cfg(test)]
mod model;
mod queue;
mod repair;
mod shell;
mod store;
#[cfg(test)]
mod tests;

pub use backend::MemoryBackend;
pub use queue::{MemoryQueue, Now};
