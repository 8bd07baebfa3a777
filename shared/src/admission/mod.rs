//! Who may knock, how often, and how it ended. Pure: no socket, no clock.
//!
//! * `counters.rs`: [`HandshakeCounters`], the ends of handshakes by cause

mod counters;

pub use counters::HandshakeCounters;
