//! Tickets: what the master signs at admission, "this node id is this worker, this variant, until
//! then", and how a process checks the ticket of its peer.
//!
//! * `claims.rs`: [`Claims`], what a ticket says
//! * `codec.rs`: [`Ticket`] and [`SignedTicket`], the bytes
//! * `policy.rs`: [`TicketPolicy`], the checks in their order
//! * `error.rs`: [`TicketError`], one variant per cause
//! * `revocations.rs`, `incarnations.rs`: what the policy remembers, with bounds

mod claims;
mod codec;
mod error;
mod incarnations;
mod policy;
mod revocations;
#[cfg(test)]
mod tests;

pub use claims::{Bearer, Claims, Role, Validity};
pub use codec::{SignError, SignedTicket, TICKET_BYTES_MIN, Ticket};
pub use error::TicketError;
pub use incarnations::{INCARNATIONS_MAX, Incarnations};
pub use policy::{AUTHORITIES_MAX, SKEW_MAX_S, TicketPolicy, TooManyAuthorities};
pub use revocations::{Revocations, TooManyRevocations};
