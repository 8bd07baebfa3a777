//! The end that opens the connection.

use std::fmt;

use bytes::BytesMut;
use zeroize::Zeroizing;

use super::error::HandshakeError;
use super::introduction::{Introduction, Peer};
use super::message::Message;
use super::noise::{Established, Keys, Noise, Role};
use super::preamble::Preamble;
use crate::aead::KEY_BYTES;
use crate::identity::NodeKey;
use crate::random::Random;
use crate::secret::{LinkKind, Psk};

/// The dialing end of a handshake, pure. Dropping it refuses.
///
/// ```
/// # use bytes::BytesMut;
/// # use meshwork_shared::{handshake::*, identity::NodeKey, random::Random};
/// # use meshwork_shared::secret::{LinkKind, MeshSecret};
/// # fn main() -> Result<(), HandshakeError> {
/// let random = Random::seeded(1);
/// let psk = MeshSecret::generate(&random).psk(LinkKind::Control);
/// let (mine, theirs) = (NodeKey::generate(&random), NodeKey::generate(&random));
///
/// let (mut dialer, bytes) = Dialer::new(LinkKind::Control, &psk, &mine, &random)?;
/// let mut read = BytesMut::from(&bytes[..]); // what the acceptor reads
///
/// let mut acceptor = Acceptor::new();
/// let AcceptorStep::LookupPsk(_) = acceptor.handle(&mut read)? else { unreachable!() };
/// acceptor.psk(Some(&psk), &theirs, &random)?;
/// let AcceptorStep::Introduce = acceptor.handle(&mut read)? else { unreachable!() };
/// let bytes = acceptor.introduce(&Introduction::default())?;
///
/// let mut read = BytesMut::from(&bytes[..]); // what the dialer reads
/// let DialerStep::VerifyAcceptor(peer) = dialer.handle(&mut read)? else { unreachable!() };
/// println!("reached {}", peer.node); // here the caller judges the ticket
/// let (bytes, dialed) = dialer.finish(&Introduction::default())?;
///
/// let mut read = BytesMut::from(&bytes[..]);
/// let AcceptorStep::VerifyDialer(peer) = acceptor.handle(&mut read)? else { unreachable!() };
/// println!("called by {}", peer.node); // and here
/// let accepted = acceptor.finish()?;
/// assert_eq!(dialed.send_key, accepted.receive_key);
/// # Ok(())
/// # }
/// ```
pub struct Dialer {
    stage: Stage,
}

enum Stage {
    Second(Box<Noise>),
    Finish(Box<Noise>),
    Failed,
}

/// What a dialer needs next.
#[derive(Debug)]
pub enum DialerStep {
    /// More bytes from the acceptor.
    NeedMore,
    /// Is this whom the caller meant? If so, [`Dialer::finish`]; else drop the dialer, and the
    /// acceptor has learned nothing of this end.
    VerifyAcceptor(Box<Peer>),
}

impl Dialer {
    /// Starts a handshake. The bytes are the first to send: preamble and first message.
    ///
    /// # Errors
    /// `OutOfOrder` only, which would be a bug.
    pub fn new(
        kind: LinkKind,
        psk: &Psk,
        node_key: &NodeKey,
        random: &Random,
    ) -> Result<(Self, Vec<u8>), HandshakeError> {
        Self::start(kind, psk, node_key, Zeroizing::new(random.bytes()))
    }

    /// Starts with an ephemeral key that was drawn already.
    pub(super) fn start(
        kind: LinkKind,
        psk: &Psk,
        node_key: &NodeKey,
        ephemeral: Zeroizing<[u8; KEY_BYTES]>,
    ) -> Result<(Self, Vec<u8>), HandshakeError> {
        let preamble = Preamble { kind, psk_id: psk.id };
        let keys = Keys { psk: &psk.key, node: node_key, ephemeral };
        let mut noise = Noise::new(Role::Dialer, preamble, keys)?;
        let mut out = preamble.encode().to_vec();
        noise.write(Message::First, &[], &mut out)?;
        Ok((Self { stage: Stage::Second(noise) }, out))
    }

    /// Takes what has been read so far; removes from `input` what it used.
    ///
    /// # Errors
    /// Why the acceptor is refused; the dialer is of no more use.
    pub fn handle(&mut self, input: &mut BytesMut) -> Result<DialerStep, HandshakeError> {
        match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Second(mut noise) => {
                let Some(bytes) = Message::Second.take(input)? else {
                    self.stage = Stage::Second(noise);
                    return Ok(DialerStep::NeedMore);
                };
                let peer = noise.read_peer(Message::Second, &bytes)?;
                self.stage = Stage::Finish(noise);
                Ok(DialerStep::VerifyAcceptor(Box::new(peer)))
            }
            Stage::Finish(_) | Stage::Failed => Err(HandshakeError::OutOfOrder),
        }
    }

    /// Shows this end to the verified acceptor. The bytes are the last of the handshake; frames
    /// may follow in the same segment.
    ///
    /// # Errors
    /// `OutOfOrder` unless asked to verify the acceptor; `Introduction` if it cannot be sent.
    pub fn finish(
        self,
        introduction: &Introduction,
    ) -> Result<(Vec<u8>, Established), HandshakeError> {
        let Stage::Finish(mut noise) = self.stage else { return Err(HandshakeError::OutOfOrder) };
        let out = noise.introduce(Message::Third, introduction)?;
        Ok((out, noise.finish()?))
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Second(_) => "Dialer(waits for the acceptor)",
            Stage::Finish(_) => "Dialer(waits for its caller)",
            Stage::Failed => "Dialer(failed)",
        })
    }
}
