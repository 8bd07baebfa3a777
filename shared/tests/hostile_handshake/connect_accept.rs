//! From an address to a link, both ends, on real sockets.

use std::time::Duration;

use meshwork_shared::handshake::HandshakeError;
use meshwork_shared::limits::{HandshakeLimits, Limits};
use meshwork_shared::link::accept::refuse;
use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::link::connect::ConnectError;
use meshwork_shared::link::service::Notice;
use meshwork_shared::net::Network;

use super::listener::{
    acceptor_key, dial, dial_with, dialer_key, introduction, psk, psk_of, spawn_link, start,
};

#[tokio::test]
async fn both_ends_learn_who_the_other_is_and_call() {
    let limits = Limits { frame_bytes_max: 100_000, ..Limits::default() };
    let mut end = start(limits).await;
    let connected = dial(end.address).await.unwrap();
    assert_eq!(connected.peer.node, acceptor_key().node_id());
    assert_eq!(connected.peer.introduction.ticket, b"acceptor");
    assert_eq!(connected.established.peer_frame_bytes_max, 100_000);

    let accepted = end.accepted.recv().await.unwrap();
    assert_eq!(accepted.peer.node, dialer_key().node_id());
    assert_eq!(accepted.peer.introduction.ticket, b"dialer");
    assert_eq!(accepted.preamble.psk_id, psk().id);
    assert_eq!(accepted.from, connected.established.stream.local_addr().unwrap());
    assert_eq!(accepted.established.peer_frame_bytes_max, 256 << 10);

    let callee = spawn_link(accepted.established);
    let caller = spawn_link(connected.established);
    assert!(caller.works().await && callee.works().await);
    assert_eq!(end.counters().of("accepted"), 1);
}

#[tokio::test]
async fn a_wrong_secret_is_told_as_what_to_check() {
    let end = start(Limits::default()).await;
    let judge = |_: &_| Ok(introduction(b""));
    let error = dial_with(end.address, &psk_of(8), &dialer_key(), judge).await.unwrap_err();
    assert!(matches!(error, ConnectError::Closed { .. }), "{error}");
    assert!(error.to_string().contains("check that both ends hold the same secret"), "{error}");
    assert_eq!(end.counted("unknown_psk", 1).await, 1);
}

#[tokio::test]
async fn a_refused_acceptor_learns_nothing_of_the_dialer() {
    let end = start(Limits::default()).await;
    let judge = |_: &_| Err("it has the wrong name".to_owned());
    let error = dial_with(end.address, &psk(), &dialer_key(), judge).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Refused { refusal, .. } if refusal.contains("wrong")));
    assert_eq!(end.counted("closed", 1).await, 1);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_unreachable() {
    let end = start(Limits::default()).await;
    let address = end.address;
    end.task.abort();
    let _ = end.task.await;
    let error = dial(address).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_acceptor_that_says_nothing_is_given_up() {
    let listener = Network::Tcp.listen("127.0.0.1:0").await.unwrap();
    let error = dial(listener.local_addr().unwrap()).await.unwrap_err();
    let given_up = matches!(error, ConnectError::Stalled { .. } | ConnectError::Unanswered { .. });
    assert!(given_up, "{error}");
}

#[tokio::test]
async fn an_answer_that_does_not_hold_is_an_error_of_the_handshake() {
    let listener = Network::Tcp.listen("127.0.0.1:0").await.unwrap();
    let dialled = dial(listener.local_addr().unwrap());
    let answered = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
        stream
    };
    let (error, _stream) = tokio::join!(dialled, answered);
    let ConnectError::Handshake { cause, .. } = error.unwrap_err() else { panic!() };
    assert!(matches!(cause, HandshakeError::Length { message: 2, .. }));
}

#[tokio::test]
async fn a_refusal_after_the_proof_tells_its_code() {
    let mut end = start(Limits::default()).await;
    let mut caller = spawn_link(dial(end.address).await.unwrap().established);
    let accepted = end.accepted.recv().await.unwrap();
    refuse(accepted.established, CloseCode::Denied, "the schema says no").await;
    let code = Some(CloseCode::Denied);
    let told = LinkEnd::ClosedByPeer { code, text: "the schema says no".into() };
    assert_eq!(caller.notices.recv().await, Some(Notice::Ended(told)));
}

#[tokio::test(start_paused = true)]
async fn a_refused_peer_that_does_not_hang_up_is_left_after_a_second() {
    let limits = HandshakeLimits { first_message_within: Duration::MAX, ..Default::default() };
    let limits = HandshakeLimits { done_within: Duration::from_secs(3600), ..limits };
    let mut end = start(Limits { handshake: limits, ..Limits::default() }).await;
    let connected = dial(end.address).await.unwrap();
    let accepted = end.accepted.recv().await.unwrap();
    let before = tokio::time::Instant::now();
    refuse(accepted.established, CloseCode::NotReady, "").await;
    assert_eq!(before.elapsed().as_secs(), 1);
    drop(connected);
}

#[tokio::test]
async fn the_loop_ends_with_its_receiver() {
    let end = start(Limits::default()).await;
    drop(end.accepted);
    end.task.await.unwrap();
}

/// A link would hold its socket: that the dialer's ends proves that the handshake was dropped.
#[tokio::test]
async fn a_dropped_loop_drops_its_handshakes() {
    let end = start(Limits::default()).await;
    let mut stream = Network::Tcp.dial(&end.address.to_string()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    end.task.abort();
    let _ = end.task.await;
    let read = tokio::io::AsyncReadExt::read_u8(&mut stream);
    let read = tokio::time::timeout(Duration::from_secs(1), read).await;
    assert!(read.expect("the socket was kept").is_err());
}
