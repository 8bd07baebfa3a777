//! Control messages: what a worker and the master say to each other over their link.
//!
//! They travel as CALL or CAST records with command number `0xFFFF`, the message's name in the
//! command-name extension and a JSON body. One file per message. Every list, text and blob has a
//! bound that is checked while decoding ([`limits`]); no input panics.
//!
//! | from | record | messages |
//! |---|---|---|
//! | worker | CALL | [`Join`] -> [`JoinReply`], [`Leave`] -> [`Left`] |
//! | worker | CAST | [`Ready`], [`Draining`], [`Renew`], [`Resync`], [`Report`] |
//! | master | CAST | [`View`], [`Delta`], [`SchemaUpdate`], [`TicketUpdate`] |
//! | master | CAST | [`Revoke`], [`LinkSecrets`], [`QueueKeys`], [`Pace`] |
//!
//! There is no heartbeat: the master judges a lease by the link, which PINGs on its own. A report
//! is for people who look, and decides nothing.
//!
//! ```
//! use meshwork_shared::protocol::{Leave, Message, ToMaster};
//!
//! let body = Leave {}.encode();
//! assert_eq!(ToMaster::decode("leave", &body).unwrap(), ToMaster::Leave(Leave {}));
//! ```

pub mod bounded;
pub mod limits;

mod binary;
mod delta;
mod draining;
mod join;
mod leave;
mod link_secret;
mod member;
mod message;
mod pace;
mod queue_keys;
mod ready;
mod refusal;
mod renew;
mod report;
mod resync;
mod revoke;
mod schema;
mod ticket;
mod view;
mod welcome;

pub use binary::{Binary, SecretBinary};
pub use delta::{Change, Delta};
pub use draining::Draining;
pub use join::{Join, JoinReply, KnownSchema, ProcessId};
pub use leave::{Leave, Left};
pub use link_secret::{EpochSecret, LinkSecrets};
pub use member::{Member, MemberKey, Status};
pub use message::{Message, MessageError, ToMaster, ToWorker};
pub use pace::Pace;
pub use queue_keys::{CalleeGrants, CommandGrant, QueueKeys};
pub use ready::Ready;
pub use refusal::Refusal;
pub use renew::Renew;
pub use report::{
    AskedFigures, CallFigures, DeadJob, FoundDead, QueueFigures, Report, ServedFigures,
};
pub use resync::Resync;
pub use revoke::{Revocation, Revoke};
pub use schema::SchemaUpdate;
pub use ticket::TicketUpdate;
pub use view::{Pages, Removal, RemovalReason, View};
pub use welcome::{SchemaNews, Welcome};

#[cfg(test)]
mod tests;
