//! What acceptors say to a dialer that is not to be fooled.

use bytes::BytesMut;
use meshwork_shared::handshake::{Acceptor, AcceptorStep, HandshakeError, Peer};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::connect::ConnectError;
use meshwork_shared::net::Network;
use meshwork_shared::random::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::listener::{acceptor_key, dial, dial_with, introduction, psk, start};

/// Dials an acceptor whose second message went through `change`; it hangs up after it.
async fn answered_with(
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Result<Peer, ConnectError<String>> {
    let listener = Network::Tcp.listen("127.0.0.1:0").await.unwrap();
    let acceptor = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut acceptor, mut read) = (Acceptor::new(), BytesMut::new());
        let second = loop {
            match acceptor.handle(&mut read).unwrap() {
                AcceptorStep::NeedMore => drop(stream.read_buf(&mut read).await.unwrap()),
                AcceptorStep::LookupPsk(_) => {
                    acceptor.psk(Some(&psk()), &acceptor_key(), &Random::system()).unwrap();
                }
                AcceptorStep::Introduce => break acceptor.introduce(&introduction(b"acceptor")),
                AcceptorStep::VerifyDialer(_) => unreachable!(),
            }
        };
        let _ = stream.write_all(&change(second.unwrap())).await;
        stream.shutdown().await.unwrap();
        let mut shown = Vec::new();
        let _ = stream.read_to_end(&mut shown).await;
        shown
    };
    let address = listener.local_addr().unwrap();
    let dialled = async { dial(address).await.map(|connected| connected.peer) };
    let (dialled, shown) = tokio::join!(dialled, acceptor);
    assert!(dialled.is_ok() || shown.is_empty(), "the dialer showed itself");
    dialled
}

/// Bytes of a second message.
async fn length() -> usize {
    let (sender, receiver) = std::sync::mpsc::channel();
    let count = |second: Vec<u8>| {
        sender.send(second.len()).unwrap();
        second
    };
    answered_with(count).await.unwrap();
    receiver.recv().unwrap()
}

#[tokio::test]
async fn row_7_a_second_message_cut_off_anywhere_is_refused() {
    for end in 0..length().await {
        let error = answered_with(|second| second[..end].to_vec()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Closed { .. }), "{end}: {error}");
    }
}

#[tokio::test]
async fn row_8_a_second_message_with_any_bit_flipped_is_refused() {
    for bit in 0..length().await * 8 {
        let flip = |mut second: Vec<u8>| {
            second[bit / 8] ^= 1 << (bit % 8);
            second.resize(second.len() + 1024, 0);
            second
        };
        let error = answered_with(flip).await.unwrap_err();
        let ConnectError::Handshake { cause, .. } = error else { panic!("{bit}: {error}") };
        assert!(bit < 16 || cause == HandshakeError::Unproven { message: 2 }, "{bit}: {cause}");
    }
}

#[tokio::test]
async fn row_9_an_impossible_length_of_a_second_message_is_refused() {
    for length in [0_u16, 15, 95, 1025, 65535] {
        let error = answered_with(|_| length.to_be_bytes().to_vec()).await.unwrap_err();
        let ConnectError::Handshake { cause, .. } = error else { panic!("{length}: {error}") };
        assert_eq!(cause, HandshakeError::Length { message: 2, length });
    }
}

/// A dial that came back to its sender, or a key file used twice.
#[tokio::test]
async fn row_13_an_acceptor_with_our_own_key_is_refused() {
    let end = start(Limits::default()).await;
    let judge = |_: &_| -> Result<_, String> { panic!("there is nobody to judge") };
    let own = NodeKey::from_bytes(*acceptor_key().expose_bytes());
    let error = dial_with(end.address, &psk(), &own, judge).await.unwrap_err();
    let ConnectError::Handshake { cause, .. } = error else { panic!("{error}") };
    assert_eq!(cause, HandshakeError::Oneself);
    assert_eq!(end.counted("closed", 1).await, 1);
}
