//! From a connection that somebody opened to an established one.
//!
//! * [`handshake`]: one connection, within its times
//! * [`listen_loop`]: all connections of a listener, each in its own task, bounded by the
//!   [gate](crate::admission)
//! * [`refuse`]: the last word to a peer that is proven and not wanted
//!
//! Until a dialer has proven the pre-shared key every refusal is the same: the socket is dropped,
//! and no byte was written to it.

mod entrance;
mod listen;
mod refuse;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

pub use listen::listen_loop;
pub use refuse::refuse;

use super::connect::{announce_frame, peer_frame_bytes_max};
use super::task;
use crate::admission::HandshakeCounters;
use crate::handshake::{
    Acceptor, AcceptorStep, HandshakeError, Introduction, Peer, Preamble, READ_BYTES_MAX,
    SchemaKnown,
};
use crate::identity::NodeKey;
use crate::limits::Limits;
use crate::net::Stream;
use crate::random::Random;
use crate::secret::Psk;

/// Bytes read at a time before the dialer has proven anything: preamble and first message.
const UNPROVEN_READ_BYTES: usize = 66;

/// Knows who may knock and who we are. Called on the task of a handshake: it must not block.
pub trait Doorman: Send + Sync + 'static {
    /// The active key that the preamble names, for its kind of link. `None` refuses, in the same
    /// way and time as a wrong key.
    fn psk(&self, preamble: &Preamble) -> Option<Psk>;

    /// What this end tells a dialer that holds the pre-shared key. The largest frame is filled in
    /// from the limits.
    fn introduction(&self, preamble: &Preamble) -> Introduction;

    /// A handshake came to nothing, for that [cause](AcceptError::cause). Strangers can make it
    /// happen as often as they like: what is done here must be cheap and bounded.
    fn refused(&self, cause: &'static str, from: SocketAddr) {
        let _ = (cause, from);
    }
}

/// What an acceptor brings.
#[derive(Debug)]
pub struct Accepting<D> {
    /// Who decides.
    pub doorman: Arc<D>,
    /// The key of this process.
    pub node_key: NodeKey,
    /// Where ephemeral keys come from.
    pub random: Random,
    /// The bounds.
    pub limits: Limits,
    /// Where [`listen_loop`] counts how handshakes end.
    pub counters: Arc<HandshakeCounters>,
}

/// A connection whose dialer has proven its key. Whether it may link is for the receiver to judge;
/// if not, [`refuse`] it.
#[derive(Debug)]
pub struct Accepted {
    /// What the link starts from.
    pub established: task::Established,
    /// The dialer, its key proven and its introduction not.
    pub peer: Peer,
    /// What it asked for.
    pub preamble: Preamble,
    /// The schema that this end announced: by its numbers the dialer may call.
    pub announced: Option<SchemaKnown>,
    /// Where it comes from.
    pub from: SocketAddr,
}

/// Why a connection came to nothing. The fault is the dialer's, who is told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// Preamble and first message were not there in time: a scanner, or a slow attack.
    #[error("it did not show that it holds a secret in time")]
    Silent,
    /// The first message was in time, the whole handshake was not: a very slow way, or a recorded
    /// first message played back.
    #[error("it did not finish the handshake in time")]
    Slow,
    /// It closed in the middle: a health check, a scanner, or a dialer that refused us.
    #[error("it closed in the middle of the handshake")]
    Closed,
    /// What it sent does not hold.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

impl AcceptError {
    /// A short label for counters and rate-limited logs.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Slow => "slow",
            Self::Closed => "closed",
            Self::Handshake(error) => error.cause(),
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// Shakes hands on one connection, within the times of the limits. Without a gate before it; for
/// a listener that strangers can reach use [`listen_loop`].
///
/// # Errors
/// [`AcceptError`]; the connection is closed by then.
pub async fn handshake<D: Doorman>(
    stream: Stream,
    from: SocketAddr,
    accepting: &Accepting<D>,
) -> Result<Accepted, AcceptError> {
    let within = accepting.limits.handshake.first_message_within;
    handshake_with(stream, from, accepting, within, || std::future::ready(())).await
}

/// As [`handshake`]; the first message must come within `first_within`, and `proven` is awaited
/// between it and the answer.
async fn handshake_with<D: Doorman, P: Future<Output = ()>>(
    stream: Stream,
    from: SocketAddr,
    accepting: &Accepting<D>,
    first_within: Duration,
    proven: impl FnOnce() -> P,
) -> Result<Accepted, AcceptError> {
    let whole = async {
        let mut knock = Knock { stream, acceptor: Acceptor::new(), buffer: BytesMut::new() };
        let preamble = timeout(first_within, knock.first(accepting))
            .await
            .map_err(|_| AcceptError::Silent)??;
        proven().await;
        let (peer, announced) = knock.introduce(accepting, &preamble).await?;
        knock.finish(peer, announced, from)
    };
    timeout(accepting.limits.handshake.done_within, whole).await.map_err(|_| AcceptError::Slow)?
}

/// A connection that is not a link yet.
struct Knock {
    stream: Stream,
    acceptor: Acceptor,
    buffer: BytesMut,
}

impl Knock {
    /// Until the dialer has proven the pre-shared key.
    async fn first<D: Doorman>(
        &mut self,
        accepting: &Accepting<D>,
    ) -> Result<Preamble, AcceptError> {
        let AcceptorStep::LookupPsk(preamble) = self.step(UNPROVEN_READ_BYTES).await? else {
            return Err(HandshakeError::OutOfOrder.into());
        };
        let psk = accepting.doorman.psk(&preamble);
        self.acceptor.psk(psk.as_ref(), &accepting.node_key, &accepting.random)?;
        match self.step(UNPROVEN_READ_BYTES).await? {
            AcceptorStep::Introduce => Ok(preamble),
            _ => Err(HandshakeError::OutOfOrder.into()),
        }
    }

    /// From there until the dialer has proven its own key. Also the schema that it was told of.
    async fn introduce<D: Doorman>(
        &mut self,
        accepting: &Accepting<D>,
        preamble: &Preamble,
    ) -> Result<(Peer, Option<SchemaKnown>), AcceptError> {
        let mut introduction = accepting.doorman.introduction(preamble);
        announce_frame(&mut introduction, &accepting.limits);
        let second = self.acceptor.introduce(&introduction)?;
        self.stream.write_all(&second).await?;
        match self.step(READ_BYTES_MAX).await? {
            AcceptorStep::VerifyDialer(peer) => Ok((*peer, introduction.parameters.schema)),
            _ => Err(HandshakeError::OutOfOrder.into()),
        }
    }

    fn finish(
        self,
        peer: Peer,
        announced: Option<SchemaKnown>,
        from: SocketAddr,
    ) -> Result<Accepted, AcceptError> {
        let keys = self.acceptor.finish()?;
        let established = task::Established {
            stream: self.stream,
            send_key: keys.send_key,
            receive_key: keys.receive_key,
            leftover: self.buffer,
            peer_frame_bytes_max: peer_frame_bytes_max(&peer),
        };
        Ok(Accepted { established, peer, preamble: keys.preamble, announced, from })
    }

    /// Reads, at most `read_bytes` at a time, until the acceptor asks for something else.
    async fn step(&mut self, read_bytes: usize) -> Result<AcceptorStep, AcceptError> {
        loop {
            match self.acceptor.handle(&mut self.buffer)? {
                AcceptorStep::NeedMore => {}
                step => return Ok(step),
            }
            self.buffer.reserve(read_bytes);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(AcceptError::Closed);
            }
        }
    }
}
