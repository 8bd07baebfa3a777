//! What happened in the mesh, for whoever looks on: typed, numbered, and kept for a while.
//!
//! * `kind.rs`: [`EventKind`], what can happen
//! * `history.rs`: [`History`], the last events, and what one who resumes has missed; pure
//! * `log.rs`: `EventLog`, the history shared by the registry's actor, which writes it, and the
//!   HTTP side, which waits for what is new
//! * `refusals.rs`: `Refusals`, what strangers cause, told of seldom; pure
//!
//! Events are numbered from 1 in each life of the master (its epoch). They are kept in memory only:
//! the audit log is what survives.

mod history;
mod kind;
mod log;
mod refusals;
#[cfg(test)]
mod tests;

pub use history::{Event, EventPage, HISTORY_EVENTS_MAX, History, PAGE_EVENTS_MAX};
pub use kind::EventKind;
pub(crate) use log::EventLog;
pub(crate) use refusals::Refusals;
