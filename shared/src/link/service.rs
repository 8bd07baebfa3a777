//! What answers the peer of a link.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

use super::close::LinkEnd;
use super::message::{Answer, CommandRef, InboundCall};

/// A handler under way. The link's task polls it once in place; if it waits, it stays with the task
/// until it is done, cancelled, or the link ends (a cast then goes on without the link).
pub type Handling = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// How a call is served.
pub enum Served {
    /// Answered at once.
    Ready(Answer),
    /// By this future.
    Handling(Handling),
}

/// News of the peer that are no calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It takes no new calls.
    PeerDraining,
    /// It has a fresh ticket.
    Ticket(Bytes),
    /// It passes on a signed list of revoked tickets.
    Revoke(Bytes),
    /// The link is over; nothing follows.
    Ended(LinkEnd),
}

/// Answers the peer of one link. Called in place on the link's task: neither method may block.
pub trait Service: Send + Sync + 'static {
    /// Serves a call. Must not panic: whoever runs foreign code here catches its panics.
    fn serve(&self, call: InboundCall) -> Served;

    /// Takes news of the peer.
    fn notice(&self, notice: Notice);

    /// A handler computed in place for `took` in one go, which held up the whole lane.
    fn computed_in_place(&self, command: &CommandRef, took: Duration);
}
