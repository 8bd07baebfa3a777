//! Two ends without sockets, driven with known keys, so that each run has the same bytes.

use bytes::BytesMut;
use zeroize::Zeroizing;

use super::*;
use crate::identity::NodeKey;
use crate::secret::{LinkKind, Psk, PskId};

mod hostile;
mod introduction;
mod low_order;
mod properties;
mod steps;
mod vectors;

fn psk() -> Psk {
    Psk { id: PskId(*b"psk-id-1"), key: Zeroizing::new([7; 32]) }
}

fn dialer_key() -> NodeKey {
    NodeKey::from_bytes([0x33; 32])
}

fn acceptor_key() -> NodeKey {
    NodeKey::from_bytes([0x44; 32])
}

/// An introduction that can be told from others by its ticket.
fn introduction(ticket: &[u8]) -> Introduction {
    let parameters = Parameters { unix_ms: Some(1), ..Parameters::default() };
    Introduction { ticket: ticket.to_vec(), parameters }
}

/// An acceptor and what its caller would do: it knows one key, introduces itself and accepts all.
struct AcceptorEnd {
    machine: Acceptor,
    key: NodeKey,
    ephemeral: [u8; 32],
    read: BytesMut,
    sent: Vec<u8>,
    peer: Option<Peer>,
}

impl AcceptorEnd {
    fn new() -> Self {
        Self {
            machine: Acceptor::new(),
            key: acceptor_key(),
            ephemeral: [0x22; 32],
            read: BytesMut::new(),
            sent: Vec::new(),
            peer: None,
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), HandshakeError> {
        self.read.extend_from_slice(bytes);
        while self.peer.is_none() {
            match self.machine.handle(&mut self.read)? {
                AcceptorStep::NeedMore => break,
                AcceptorStep::LookupPsk(preamble) => {
                    let psk = (preamble.psk_id == psk().id).then(psk);
                    let ephemeral = Zeroizing::new(self.ephemeral);
                    self.machine.psk_with(psk.as_ref(), &self.key, ephemeral)?;
                }
                AcceptorStep::Introduce => {
                    self.sent.extend(self.machine.introduce(&introduction(b"acceptor"))?);
                }
                AcceptorStep::VerifyDialer(peer) => self.peer = Some(*peer),
            }
        }
        Ok(())
    }

    fn is_verified(&self) -> bool {
        self.peer.is_some()
    }
}

fn dial_with(psk: &Psk, key: &NodeKey) -> (Dialer, Vec<u8>) {
    Dialer::start(LinkKind::Data, psk, key, Zeroizing::new([0x11; 32])).unwrap()
}

fn dial() -> (Dialer, Vec<u8>) {
    dial_with(&psk(), &dialer_key())
}

/// All that goes over the wire in an undisturbed handshake.
struct Transcript {
    /// Preamble and first message.
    opening: Vec<u8>,
    second: Vec<u8>,
    third: Vec<u8>,
    dialed: Established,
    accepted: Established,
}

fn transcript() -> Transcript {
    let (mut dialer, opening) = dial();
    let mut end = AcceptorEnd::new();
    end.feed(&opening).unwrap();
    let second = std::mem::take(&mut end.sent);
    let verified = dialer.handle(&mut BytesMut::from(&second[..])).unwrap();
    assert!(matches!(verified, DialerStep::VerifyAcceptor(_)));
    let (third, dialed) = dialer.finish(&introduction(b"dialer")).unwrap();
    end.feed(&third).unwrap();
    let accepted = end.machine.finish().unwrap();
    Transcript { opening, second, third, dialed, accepted }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
