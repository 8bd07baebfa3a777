//! Links: one encrypted connection between two processes, over which both ends call.
//!
//! * [`core`]: the pure heart: calls and frames in, frames and events out
//! * [`message`], [`close`]: what goes in and out, and why links end
//! * [`connect`], [`accept`]: from a socket to what a link starts from
//! * [`task`]: the task that owns a link's socket and drives the core
//! * [`handle`]: what callers hold
//! * [`service`]: what answers the peer's calls
//! * [`lanes`]: the threads that link tasks run on

pub mod accept;
mod assembly;
pub mod close;
pub mod connect;
pub mod core;
pub mod handle;
mod inbox;
pub mod lanes;
mod large;
mod liveness;
pub mod message;
mod open_frame;
mod outgoing;
mod pending;
mod replies;
mod running;
pub mod service;
pub mod task;
#[cfg(test)]
mod tests;
mod writer;
