//! The coordinator of a Meshwork mesh: registers workers, admits them, tells them of each other.
//! It is never on the path of a call.
//!
//! * [`registry`]: who is a member and who is told, without sockets or clocks
#![forbid(unsafe_code)]

pub mod registry;
