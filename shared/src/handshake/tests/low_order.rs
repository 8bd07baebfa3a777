//! Row 12: keys of low order, with which every agreed secret would be zero. A dishonest holder of
//! the pre-shared key shows them as ephemeral and as static key, in either role.

use std::sync::{Arc, Mutex};

use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::resolver::{Resolver, X25519};
use super::*;
use crate::limits::Limits;
use crate::link::accept::{self, AcceptError, Accepting, Doorman};
use crate::net::Network;

/// The seven points of low order of Curve25519 and its twist, as bytes on the wire.
const POINTS: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// Which of its keys the dishonest end fakes.
#[derive(Clone, Copy, PartialEq)]
enum Fake {
    Static,
    Ephemeral,
}

/// A key that shows another public half than its own.
struct FakeKey {
    inner: X25519,
    shown: Option<Vec<u8>>,
}

impl Dh for FakeKey {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, privkey: &[u8]) {
        self.inner.set(privkey);
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        self.inner.generate(rng)
    }

    fn pubkey(&self) -> &[u8] {
        self.shown.as_deref().unwrap_or_else(|| self.inner.pubkey())
    }

    fn privkey(&self) -> &[u8] {
        self.inner.privkey()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        match self.shown {
            // What the other end would come to, were it to accept the point.
            Some(_) => out[..32].fill(0),
            None => self.inner.dh(pubkey, out)?,
        }
        Ok(())
    }
}

/// Hands out fake keys; snow asks for the static one first.
struct FakeResolver {
    honest: Resolver,
    shown: Mutex<Vec<Option<Vec<u8>>>>,
}

impl CryptoResolver for FakeResolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        self.honest.resolve_rng()
    }

    fn resolve_dh(&self, _: &DHChoice) -> Option<Box<dyn Dh>> {
        let shown = self.shown.lock().unwrap().remove(0);
        Some(Box::new(FakeKey { inner: X25519::default(), shown }))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        self.honest.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        self.honest.resolve_cipher(choice)
    }
}

fn preamble() -> Preamble {
    Preamble { kind: LinkKind::Data, psk_id: psk().id }
}

fn builder<'a>(point: &str, fake: Fake, prologue: &'a [u8], psk: &'a Psk) -> Builder<'a> {
    let shown = [Fake::Static, Fake::Ephemeral].map(|key| (key == fake).then(|| hex(point)));
    let resolver = FakeResolver {
        honest: Resolver { ephemeral: Zeroizing::new([0x66; 32]) },
        shown: Mutex::new(shown.to_vec()),
    };
    let pattern = "Noise_XXpsk0_25519_ChaChaPoly_BLAKE2s".parse().unwrap();
    let builder = Builder::with_resolver(pattern, Box::new(resolver));
    let builder = builder.prologue(prologue).unwrap().psk(0, &psk.key).unwrap();
    builder.local_private_key(&[0x55; 32]).unwrap()
}

fn write(state: &mut HandshakeState, payload: &[u8]) -> Vec<u8> {
    let mut message = [0; 1024];
    let length = state.write_message(payload, &mut message).unwrap();
    [&(length as u16).to_be_bytes(), &message[..length]].concat()
}

/// Runs `test` on a dishonest end for each point in each place.
fn every_fake(test: impl Fn(Fake, Builder<'_>)) {
    let (prologue, psk) = ([&b"mesh/noise/v1"[..], &preamble().encode()].concat(), psk());
    for point in POINTS {
        for fake in [Fake::Static, Fake::Ephemeral] {
            test(fake, builder(point, fake, &prologue, &psk));
        }
    }
}

#[test]
fn row_12_the_acceptor_refuses_all_seven_points() {
    every_fake(|fake, builder| {
        let mut dialer = builder.build_initiator().unwrap();
        let mut end = AcceptorEnd::new();
        let opening = [&preamble().encode()[..], &write(&mut dialer, &[])].concat();
        let opened = end.feed(&opening);
        if fake == Fake::Ephemeral {
            assert_eq!((opened, end.sent.len()), (Err(HandshakeError::LowOrder), 0));
            return;
        }
        opened.unwrap();
        dialer.read_message(&end.sent[2..], &mut [0; 1024]).unwrap();
        let third = write(&mut dialer, &introduction(b"fake").encode().unwrap());
        assert_eq!(end.feed(&third), Err(HandshakeError::LowOrder));
        assert!(!end.is_verified());
    });
}

#[test]
fn row_12_the_dialer_refuses_all_seven_points() {
    every_fake(|_, builder| {
        let mut acceptor = builder.build_responder().unwrap();
        let (mut dialer, opening) = dial();
        acceptor.read_message(&opening[PREAMBLE_BYTES + 2..], &mut [0; 1024]).unwrap();
        let second = write(&mut acceptor, &introduction(b"fake").encode().unwrap());
        let error = dialer.handle(&mut BytesMut::from(&second[..])).unwrap_err();
        assert_eq!(error, HandshakeError::LowOrder);
    });
}

struct OneKey;

impl Doorman for OneKey {
    fn psk(&self, _: &Preamble) -> Option<Psk> {
        Some(psk())
    }

    fn introduction(&self, _: &Preamble) -> Introduction {
        introduction(b"acceptor")
    }
}

/// Shakes hands with a dishonest dialer; whether it got an answer, and how the acceptor ended.
async fn on_a_socket(
    mut dialer: HandshakeState,
    accepting: &Accepting<OneKey>,
) -> (bool, Option<AcceptError>) {
    let listener = Network::Tcp.listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let dials = async {
        let mut stream = Network::Tcp.dial(&address).await.unwrap();
        let opening = [&preamble().encode()[..], &write(&mut dialer, &[])].concat();
        stream.write_all(&opening).await.unwrap();
        let Ok(length) = stream.read_u16().await else { return false };
        let mut second = vec![0; length.into()];
        stream.read_exact(&mut second).await.unwrap();
        dialer.read_message(&second, &mut [0; 1024]).unwrap();
        let third = write(&mut dialer, &introduction(b"fake").encode().unwrap());
        stream.write_all(&third).await.unwrap();
        assert!(stream.read_u8().await.is_err());
        true
    };
    let accepts = async {
        let (stream, from) = listener.accept().await.unwrap();
        accept::handshake(stream, from, accepting).await.err()
    };
    tokio::join!(dials, accepts)
}

#[tokio::test]
async fn row_12_on_a_socket_all_seven_points_are_closed_and_an_ephemeral_one_without_a_byte() {
    let mut fakes = Vec::new();
    let (prologue, psk) = ([&b"mesh/noise/v1"[..], &preamble().encode()].concat(), psk());
    for point in POINTS {
        for fake in [Fake::Static, Fake::Ephemeral] {
            fakes.push((fake, builder(point, fake, &prologue, &psk).build_initiator().unwrap()));
        }
    }
    let accepting = Accepting {
        doorman: Arc::new(OneKey),
        node_key: acceptor_key(),
        random: crate::random::Random::seeded(1),
        limits: Limits::default(),
        counters: Arc::default(),
    };
    for (fake, dialer) in fakes {
        let (answered, error) = on_a_socket(dialer, &accepting).await;
        assert_eq!(answered, fake == Fake::Static);
        assert_eq!(error, Some(AcceptError::Handshake(HandshakeError::LowOrder)));
    }
}
