//! Who may knock, how often, and how it ended. Pure: no socket, no clock.
//!
//! * `gate.rs`: [`Gate`], which half-open connection lives, which is closed, which waits
//! * `origin.rs`: what the gate remembers of one prefix; `rate.rs`: rates in virtual time
//! * `prefix.rs`: [`Prefix`], where a connection comes from, and [`AddressRange`]
//! * `counters.rs`: [`HandshakeCounters`], the ends of handshakes by cause
//! * `paced.rs`: [`Paced`], when a line of the log is due that others can cause

mod counters;
mod gate;
mod origin;
mod paced;
mod prefix;
mod rate;
#[cfg(test)]
mod tests;

pub use counters::HandshakeCounters;
pub use gate::{Admission, Arrival, Ended, Gate, KnockId, Proven};
pub use paced::Paced;
pub use prefix::{AddressRange, AddressRangeError, Prefix};
