//! The end that was dialled.

use std::fmt;

use bytes::{Buf, BytesMut};
use zeroize::Zeroizing;

use super::error::HandshakeError;
use super::introduction::{Introduction, Peer};
use super::message::Message;
use super::noise::{Established, Keys, Noise, Role};
use super::preamble::{PREAMBLE_BYTES, Preamble};
use crate::aead::KEY_BYTES;
use crate::identity::NodeKey;
use crate::random::Random;
use crate::secret::Psk;

/// What a dialer with an unknown key id is checked against, so that it costs and looks the same as
/// a wrong key. Matching it would gain nothing: such a dialer is refused all the same.
const DUMMY_PSK: [u8; KEY_BYTES] = [0; KEY_BYTES];

/// The accepting end of a handshake, pure. Dropping it refuses, and the caller then closes without
/// a byte. [`Dialer`](super::Dialer) shows a whole handshake.
#[derive(Default)]
pub struct Acceptor {
    stage: Stage,
}

#[derive(Default)]
enum Stage {
    #[default]
    Preamble,
    Psk(Preamble),
    First {
        noise: Box<Noise>,
        known: bool,
    },
    Introduce(Box<Noise>),
    Third(Box<Noise>),
    Finish(Box<Noise>),
    Failed,
}

/// What an acceptor needs next.
#[derive(Debug)]
pub enum AcceptorStep {
    /// More bytes from the dialer.
    NeedMore,
    /// Which pre-shared key is meant? Answer with [`Acceptor::psk`], also if there is none.
    LookupPsk(Preamble),
    /// The dialer holds the pre-shared key and may be answered: [`Acceptor::introduce`].
    Introduce,
    /// May this one link to us? If so, [`Acceptor::finish`]; else drop the acceptor, or finish and
    /// close with a code, since the dialer is proven now.
    VerifyDialer(Box<Peer>),
}

impl Acceptor {
    /// An acceptor for a connection that has said nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what has been read so far; removes from `input` what it used. Call it again with the
    /// same buffer after each answer: more may be in it.
    ///
    /// # Errors
    /// Why the dialer is refused; the acceptor is of no more use.
    pub fn handle(&mut self, input: &mut BytesMut) -> Result<AcceptorStep, HandshakeError> {
        let (stage, step) = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Preamble => match input.first_chunk::<PREAMBLE_BYTES>() {
                Some(bytes) => {
                    let preamble = Preamble::decode(bytes)?;
                    input.advance(PREAMBLE_BYTES);
                    (Stage::Psk(preamble), AcceptorStep::LookupPsk(preamble))
                }
                None => (Stage::Preamble, AcceptorStep::NeedMore),
            },
            Stage::First { mut noise, known } => match Message::First.take(input)? {
                Some(bytes) => {
                    read_first(&mut noise, known, &bytes)?;
                    (Stage::Introduce(noise), AcceptorStep::Introduce)
                }
                None => (Stage::First { noise, known }, AcceptorStep::NeedMore),
            },
            Stage::Third(mut noise) => match Message::Third.take(input)? {
                Some(bytes) => {
                    let peer = noise.read_peer(Message::Third, &bytes)?;
                    (Stage::Finish(noise), AcceptorStep::VerifyDialer(Box::new(peer)))
                }
                None => (Stage::Third(noise), AcceptorStep::NeedMore),
            },
            Stage::Psk(_) | Stage::Introduce(_) | Stage::Finish(_) | Stage::Failed => {
                return Err(HandshakeError::OutOfOrder);
            }
        };
        self.stage = stage;
        Ok(step)
    }

    /// Answers [`AcceptorStep::LookupPsk`]: the key of that id and kind, or `None` if there is
    /// none; the dialer is then refused as if it had a wrong one.
    ///
    /// # Errors
    /// `OutOfOrder` unless asked for.
    pub fn psk(
        &mut self,
        psk: Option<&Psk>,
        node_key: &NodeKey,
        random: &Random,
    ) -> Result<(), HandshakeError> {
        self.psk_with(psk, node_key, Zeroizing::new(random.bytes()))
    }

    /// As [`Self::psk`], with an ephemeral key that was drawn already.
    pub(super) fn psk_with(
        &mut self,
        psk: Option<&Psk>,
        node_key: &NodeKey,
        ephemeral: Zeroizing<[u8; KEY_BYTES]>,
    ) -> Result<(), HandshakeError> {
        let Stage::Psk(preamble) = std::mem::replace(&mut self.stage, Stage::Failed) else {
            return Err(HandshakeError::OutOfOrder);
        };
        let keys = Keys { psk: psk.map_or(&DUMMY_PSK, |psk| &psk.key), node: node_key, ephemeral };
        let noise = Noise::new(Role::Acceptor, preamble, keys)?;
        self.stage = Stage::First { noise, known: psk.is_some() };
        Ok(())
    }

    /// Answers [`AcceptorStep::Introduce`]: gives the bytes that show this end to the dialer.
    ///
    /// # Errors
    /// `LowOrder` if the dialer's ephemeral key is; `Introduction` if it cannot be sent;
    /// `OutOfOrder` unless asked for. Then close without a byte.
    pub fn introduce(&mut self, introduction: &Introduction) -> Result<Vec<u8>, HandshakeError> {
        let Stage::Introduce(mut noise) = std::mem::replace(&mut self.stage, Stage::Failed) else {
            return Err(HandshakeError::OutOfOrder);
        };
        let out = noise.introduce(Message::Second, introduction)?;
        self.stage = Stage::Third(noise);
        Ok(out)
    }

    /// Accepts the dialer that [`AcceptorStep::VerifyDialer`] showed. What is left in the read
    /// buffer is its first frames.
    ///
    /// # Errors
    /// `OutOfOrder` unless asked for.
    pub fn finish(self) -> Result<Established, HandshakeError> {
        match self.stage {
            Stage::Finish(noise) => noise.finish(),
            _ => Err(HandshakeError::OutOfOrder),
        }
    }
}

/// The first message proves the pre-shared key. An unknown id is told apart only for the counters
/// of this end, after the same work.
fn read_first(noise: &mut Noise, known: bool, bytes: &[u8]) -> Result<(), HandshakeError> {
    let read = noise.read_bare(Message::First, bytes);
    if known { read } else { Err(HandshakeError::UnknownPsk) }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Preamble => "Acceptor(waits for the preamble)",
            Stage::First { .. } => "Acceptor(waits for the first message)",
            Stage::Third(_) => "Acceptor(waits for the dialer)",
            Stage::Psk(_) | Stage::Introduce(_) | Stage::Finish(_) => {
                "Acceptor(waits for its caller)"
            }
            Stage::Failed => "Acceptor(failed)",
        })
    }
}
