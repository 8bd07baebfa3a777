//! The embedded backend: jobs live in the memory of the process that runs them, and die with it.
//!
//! [`MemoryQueue`] is the pure core (no clock, no task); [`MemoryBackend`] owns one and gives it
//! the time and whoever waits for a job a way to be woken.

mod backend;
mod dead;
mod entry;
mod queue;
#[cfg(test)]
mod tests;

pub use backend::MemoryBackend;
pub use queue::{MemoryQueue, Now};
