//! From an address to an established connection: dials, shakes hands, and shows this end only to
//! an acceptor that the caller has judged.

use std::fmt;
use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::task;
use crate::handshake::{Dialer, DialerStep, HandshakeError, Introduction, Peer, READ_BYTES_MAX};
use crate::identity::NodeKey;
use crate::limits::Limits;
use crate::net::{Network, Stream};
use crate::random::Random;
use crate::secret::{LinkKind, Psk};

/// What a dialer brings.
#[derive(Clone, Copy, Debug)]
pub struct Dialing<'a> {
    /// What the link is for.
    pub kind: LinkKind,
    /// The pre-shared key of that kind.
    pub psk: &'a Psk,
    /// The key of this process.
    pub node_key: &'a NodeKey,
    /// Where the ephemeral key comes from.
    pub random: &'a Random,
    /// The bounds; `handshake.done_within` holds once for reaching the address and once more for
    /// the handshake.
    pub limits: &'a Limits,
}

/// A connection whose two ends have proven themselves to each other.
#[derive(Debug)]
pub struct Connected {
    /// What the link starts from.
    pub established: task::Established,
    /// The acceptor, as the judge saw it.
    pub peer: Peer,
}

/// Why there is no connection. Nothing was executed, so that dialling again is always safe;
/// whether it helps depends on the cause. `R` is what the judge says when it refuses.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError<R: fmt::Display> {
    /// The address does not resolve, or nobody listens there. Check it, or try again later.
    #[error("cannot reach {address}: {cause}")]
    Unreachable {
        /// What was dialled.
        address: String,
        /// What the system said.
        cause: io::Error,
    },
    /// Nobody answered in time: a firewall that drops, or a process that hangs. Try again later.
    #[error("{address} does not answer: is it up, and is the port open on the way?")]
    Unanswered {
        /// What was dialled.
        address: String,
    },
    /// The connection stands, but the acceptor did not say its part in time: it is overloaded, or
    /// is something else that waits for another protocol. Try again later.
    #[error("{address} took the connection but did not shake hands in time")]
    Stalled {
        /// What was dialled.
        address: String,
    },
    /// The acceptor closed before it showed itself. It never says why: most often the two ends
    /// hold different secrets, or the address belongs to something else. Its log counts the cause.
    #[error(
        "{address} closed the connection without a word: check that both ends hold the same secret \
         and that this is the port of the mesh; the log of that process names the cause"
    )]
    Closed {
        /// What was dialled.
        address: String,
    },
    /// The acceptor answered, and its answer does not hold. Something else listens there, or the
    /// bytes were changed on the way.
    #[error("no handshake with {address}: {cause}")]
    Handshake {
        /// What was dialled.
        address: String,
        /// What is wrong.
        cause: HandshakeError,
    },
    /// The caller's judge refused the acceptor, which has learned nothing of this end.
    #[error("{address} is not whom we want: {refusal}")]
    Refused {
        /// What was dialled.
        address: String,
        /// What the judge said.
        refusal: R,
    },
}

impl<R: fmt::Display> ConnectError<R> {
    /// A short label for counters and rate-limited logs.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Unanswered { .. } => "unanswered",
            Self::Stalled { .. } => "stalled",
            Self::Closed { .. } => "closed",
            Self::Handshake { cause, .. } => cause.cause(),
            Self::Refused { .. } => "refused",
        }
    }
}

/// Dials `address` (`host:port`). `judge` sees the acceptor, its key proven and its introduction
/// not, and gives the introduction of this end, or refuses. The largest frame that is announced is
/// that of the limits, whatever the introduction says.
///
/// ```no_run
/// # use meshwork_shared::{handshake::*, identity::NodeKey, limits::Limits, net::Network};
/// # use meshwork_shared::link::connect::{Dialing, connect};
/// # use meshwork_shared::{random::Random, secret::{LinkKind, MeshSecret}};
/// # async fn dial(secret: MeshSecret) -> Result<(), Box<dyn std::error::Error>> {
/// let random = Random::system();
/// let dialing = Dialing {
///     kind: LinkKind::Control,
///     psk: &secret.psk(LinkKind::Control),
///     node_key: &NodeKey::generate(&random),
///     random: &random,
///     limits: &Limits::default(),
/// };
/// let judge = |peer: &Peer| match peer.introduction.ticket.is_empty() {
///     true => Err("it has no ticket"),
///     false => Ok(Introduction::default()),
/// };
/// let connected = connect(Network::Tcp, "master.example:7400", dialing, judge).await?;
/// println!("reached {}", connected.peer.node);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ConnectError`], with what to check.
pub async fn connect<J, R>(
    network: Network,
    address: &str,
    dialing: Dialing<'_>,
    judge: J,
) -> Result<Connected, ConnectError<R>>
where
    J: FnOnce(&Peer) -> Result<Introduction, R>,
    R: fmt::Display,
{
    let within = dialing.limits.handshake.done_within;
    let address = || address.to_owned();
    let stream = match timeout(within, network.dial(&address())).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(cause)) => return Err(ConnectError::Unreachable { address: address(), cause }),
        Err(_) => return Err(ConnectError::Unanswered { address: address() }),
    };
    match timeout(within, shake_hands(stream, dialing, judge)).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(failure)) => Err(failure.at(address())),
        Err(_) => Err(ConnectError::Stalled { address: address() }),
    }
}

/// Why the handshake of an open connection failed.
enum Failure<R> {
    Closed,
    Handshake(HandshakeError),
    Refused(R),
}

impl<R: fmt::Display> Failure<R> {
    fn at(self, address: String) -> ConnectError<R> {
        match self {
            Self::Closed => ConnectError::Closed { address },
            Self::Handshake(cause) => ConnectError::Handshake { address, cause },
            Self::Refused(refusal) => ConnectError::Refused { address, refusal },
        }
    }
}

/// A refused dialer may see an end of the stream or a reset, depending on what was left unread.
impl<R> From<io::Error> for Failure<R> {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

impl<R> From<HandshakeError> for Failure<R> {
    fn from(cause: HandshakeError) -> Self {
        Self::Handshake(cause)
    }
}

async fn shake_hands<J, R>(
    mut stream: Stream,
    dialing: Dialing<'_>,
    judge: J,
) -> Result<Connected, Failure<R>>
where
    J: FnOnce(&Peer) -> Result<Introduction, R>,
{
    let Dialing { kind, psk, node_key, random, limits } = dialing;
    let (mut dialer, opening) = Dialer::new(kind, psk, node_key, random)?;
    stream.write_all(&opening).await?;
    let mut buffer = BytesMut::with_capacity(READ_BYTES_MAX);
    let peer = loop {
        buffer.reserve(READ_BYTES_MAX);
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(Failure::Closed);
        }
        match dialer.handle(&mut buffer)? {
            DialerStep::NeedMore => {}
            DialerStep::VerifyAcceptor(peer) => break peer,
        }
    };
    let mut introduction = judge(&peer).map_err(Failure::Refused)?;
    announce_frame(&mut introduction, limits);
    let (closing, keys) = dialer.finish(&introduction)?;
    stream.write_all(&closing).await?;
    let established = task::Established {
        stream,
        send_key: keys.send_key,
        receive_key: keys.receive_key,
        leftover: buffer,
        peer_frame_bytes_max: peer_frame_bytes_max(&peer),
    };
    Ok(Connected { established, peer: *peer })
}

/// Says what the link's opener will take, so that the two cannot differ.
pub(super) fn announce_frame(introduction: &mut Introduction, limits: &Limits) {
    let bytes = u32::try_from(limits.frame_bytes_max).unwrap_or(u32::MAX);
    introduction.parameters.frame_bytes_max = Some(bytes);
}

/// The largest frame that `peer` takes, bytes.
pub(super) fn peer_frame_bytes_max(peer: &Peer) -> usize {
    match peer.introduction.parameters.frame_bytes_max {
        Some(bytes) => bytes as usize,
        None => FRAME_BYTES_UNSAID,
    }
}

/// What a peer that says nothing takes: part of version 1 of the protocol, not a default of ours.
const FRAME_BYTES_UNSAID: usize = 256 << 10;
