//! One run of the Noise pattern, between the machines and the crate `snow`.

use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use super::error::HandshakeError;
use super::introduction::{Introduction, Peer};
use super::message::Message;
use super::preamble::Preamble;
use super::resolver::Resolver;
use crate::aead::{AeadKey, KEY_BYTES};
use crate::identity::NodeKey;
use crate::ids::NodeId;
use crate::limits::HANDSHAKE_MESSAGE_BYTES_MAX;

const PATTERN: &str = "Noise_XXpsk0_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"mesh/noise/v1";

/// A finished handshake: what a link is made of. What follows in the read buffer is frames.
#[derive(Debug)]
pub struct Established {
    /// The peer's public key, proven.
    pub peer: NodeId,
    /// What the dialer asked for.
    pub preamble: Preamble,
    /// Key of the frames that this end sends.
    pub send_key: AeadKey,
    /// Key of the frames that this end receives.
    pub receive_key: AeadKey,
    /// Hash of the whole handshake: the same at both ends, different for each link, not secret.
    pub hash: [u8; 32],
}

/// Which end of the handshake this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Dialer,
    Acceptor,
}

/// The keys that one end brings.
pub(super) struct Keys<'a> {
    pub(super) psk: &'a [u8; KEY_BYTES],
    pub(super) node: &'a NodeKey,
    pub(super) ephemeral: Zeroizing<[u8; KEY_BYTES]>,
}

/// A handshake under way.
pub(super) struct Noise {
    state: HandshakeState,
    own: NodeId,
    preamble: Preamble,
    role: Role,
}

impl Noise {
    pub(super) fn new(
        role: Role,
        preamble: Preamble,
        keys: Keys<'_>,
    ) -> Result<Box<Self>, HandshakeError> {
        let prologue = [PROLOGUE, &preamble.encode()].concat();
        let pattern = PATTERN.parse().map_err(|_| HandshakeError::OutOfOrder)?;
        let node_key = keys.node.expose_bytes();
        let resolver = Resolver { ephemeral: keys.ephemeral };
        let build = || {
            let builder = Builder::with_resolver(pattern, Box::new(resolver))
                .prologue(&prologue)?
                .psk(0, keys.psk)?
                .local_private_key(node_key.as_ref())?;
            match role {
                Role::Dialer => builder.build_initiator(),
                Role::Acceptor => builder.build_responder(),
            }
        };
        let state = build().map_err(|_: snow::Error| HandshakeError::OutOfOrder)?;
        Ok(Box::new(Self { state, own: keys.node.node_id(), preamble, role }))
    }

    /// Appends `message` with `payload` to `out`, its length before it.
    pub(super) fn write(
        &mut self,
        message: Message,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), HandshakeError> {
        let mut buffer = [0; HANDSHAKE_MESSAGE_BYTES_MAX];
        let length = self
            .state
            .write_message(payload, &mut buffer)
            .map_err(|error| blame(message, &error))?;
        // The buffer is far below 64 KiB.
        out.extend_from_slice(&(length as u16).to_be_bytes());
        out.extend_from_slice(&buffer[..length]);
        Ok(())
    }

    /// Writes `message` with an introduction in it.
    pub(super) fn introduce(
        &mut self,
        message: Message,
        introduction: &Introduction,
    ) -> Result<Vec<u8>, HandshakeError> {
        let too_long = super::IntroductionError::TooLong;
        let failed = |cause| HandshakeError::Introduction { message: message.number(), cause };
        let payload = introduction.encode().map_err(failed)?;
        if payload.len() + message.overhead() > HANDSHAKE_MESSAGE_BYTES_MAX {
            return Err(failed(too_long));
        }
        let mut out = Vec::with_capacity(2 + message.overhead() + payload.len());
        self.write(message, &payload, &mut out)?;
        Ok(out)
    }

    /// Reads a message whose payload is empty.
    pub(super) fn read_bare(
        &mut self,
        message: Message,
        bytes: &[u8],
    ) -> Result<(), HandshakeError> {
        let mut payload = [0; HANDSHAKE_MESSAGE_BYTES_MAX];
        self.state.read_message(bytes, &mut payload).map_err(|error| blame(message, &error))?;
        Ok(())
    }

    /// Reads a message that introduces the peer.
    pub(super) fn read_peer(
        &mut self,
        message: Message,
        bytes: &[u8],
    ) -> Result<Peer, HandshakeError> {
        let mut payload = [0; HANDSHAKE_MESSAGE_BYTES_MAX];
        let length =
            self.state.read_message(bytes, &mut payload).map_err(|error| blame(message, &error))?;
        let node = self.remote()?;
        if node == self.own {
            return Err(HandshakeError::Oneself);
        }
        let introduction = Introduction::decode(&payload[..length])
            .map_err(|cause| HandshakeError::Introduction { message: message.number(), cause })?;
        Ok(Peer { node, introduction })
    }

    /// The keys of the link. The state is dropped with it: no message may follow.
    pub(super) fn finish(mut self) -> Result<Established, HandshakeError> {
        // The raw split does not look whether the pattern is through.
        if !self.state.is_handshake_finished() {
            return Err(HandshakeError::OutOfOrder);
        }
        let hash = self.state.get_handshake_hash().try_into();
        let (to_acceptor, to_dialer) = self.state.dangerously_get_raw_split();
        let (to_acceptor, to_dialer) = (AeadKey::new(to_acceptor), AeadKey::new(to_dialer));
        let (send_key, receive_key) = match self.role {
            Role::Dialer => (to_acceptor, to_dialer),
            Role::Acceptor => (to_dialer, to_acceptor),
        };
        Ok(Established {
            peer: self.remote()?,
            preamble: self.preamble,
            send_key,
            receive_key,
            hash: hash.map_err(|_| HandshakeError::OutOfOrder)?,
        })
    }

    fn remote(&self) -> Result<NodeId, HandshakeError> {
        let remote = self.state.get_remote_static().and_then(|key| key.try_into().ok());
        remote.map(NodeId).ok_or(HandshakeError::OutOfOrder)
    }
}

/// What an error of `snow` says about the peer.
fn blame(message: Message, error: &snow::Error) -> HandshakeError {
    match error {
        snow::Error::Dh => HandshakeError::LowOrder,
        snow::Error::Decrypt | snow::Error::Input => {
            HandshakeError::Unproven { message: message.number() }
        }
        _ => HandshakeError::OutOfOrder,
    }
}
