//! What dialers say to an acceptor after they have proven the pre-shared key.

use bytes::BytesMut;
use meshwork_shared::codec::Codec;
use meshwork_shared::frame::Opener;
use meshwork_shared::ids::CallId;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::accept::refuse;
use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::link::service::Notice;
use meshwork_shared::record::{Record, RecordType, decode, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::listener::{dial, dialer_key, spawn_link, start};
use super::stranger::{Halfway, first_frame};

#[tokio::test]
async fn row_7_a_third_message_cut_off_anywhere_is_closed() {
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    let mut length = 0;
    loop {
        let (mut stranger, third, _) = Halfway::connect(end.address).await.third().await;
        if length == third.len() {
            break;
        }
        stranger.say(&third[..length]).await;
        stranger.hang_up().await;
        assert_eq!(stranger.heard().await, b"");
        length += 1;
    }
    let count = length as u64 + 1;
    assert_eq!(end.counted("closed", count).await, count);
    assert!(end.accepted.try_recv().is_err());
    assert!(live.works().await);
}

#[tokio::test]
async fn row_8_a_third_message_with_any_bit_flipped_is_closed() {
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    let bits = Halfway::connect(end.address).await.third().await.1.len() * 8;
    for bit in 0..bits {
        let (mut stranger, mut third, _) = Halfway::connect(end.address).await.third().await;
        third[bit / 8] ^= 1 << (bit % 8);
        third.resize(third.len() + 1024, 0);
        stranger.say(&third).await;
        stranger.hang_up().await;
        assert_eq!(stranger.heard().await, b"", "bit {bit}");
    }
    let refused = bits as u64 - 16;
    assert!(end.counted("unproven", refused).await >= refused);
    assert!(end.accepted.try_recv().is_err());
    assert!(live.works().await);
}

#[tokio::test]
async fn row_9_an_impossible_length_of_a_third_message_is_closed() {
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    for length in [0_u16, 15, 63, 1025, 65535] {
        let (mut stranger, ..) = Halfway::connect(end.address).await.third().await;
        stranger.say(&length.to_be_bytes()).await;
        assert_eq!(stranger.heard().await, b"", "{length}");
    }
    assert_eq!(end.counted("length", 5).await, 5);
    assert!(live.works().await);
}

#[tokio::test]
async fn row_11_a_replayed_dialer_is_closed() {
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    let halfway = Halfway::connect(end.address).await;
    let opening = halfway.opening.clone();
    let (mut dialer, third, _) = halfway.third().await;
    dialer.say(&third).await;
    end.accepted.recv().await.unwrap();

    let mut replayed = super::stranger::Stranger::connect(end.address).await;
    replayed.say(&[opening, third].concat()).await;
    let answer = replayed.heard().await;
    // One answer to the valid first message, and nothing to the third.
    let length = usize::from(u16::from_be_bytes([answer[0], answer[1]]));
    assert_eq!(answer.len(), 2 + length);
    assert_eq!(end.counted("unproven", 1).await, 1);
    assert!(end.accepted.try_recv().is_err());
    assert!(live.works().await);
}

/// Who shares a node key is the same process as far as a link can tell: both are shown to the
/// owner, whose tickets and incarnations tell the older from the newer; it refuses one by code.
#[tokio::test]
async fn row_13_two_peers_with_one_key_are_shown_as_one_and_one_is_refused() {
    let mut end = start(Limits::default()).await;
    let first = dial(end.address).await.unwrap();
    let kept = end.accepted.recv().await.unwrap();
    let second = dial(end.address).await.unwrap();
    let other = end.accepted.recv().await.unwrap();
    assert_eq!((kept.peer.node, other.peer.node), (dialer_key().node_id(), dialer_key().node_id()));

    let (live, _kept) = (spawn_link(first.established), spawn_link(kept.established));
    let mut second = spawn_link(second.established);
    refuse(other.established, CloseCode::Replaced, "a newer incarnation is here").await;
    let Some(Notice::Ended(LinkEnd::ClosedByPeer { code, .. })) = second.notices.recv().await
    else {
        panic!()
    };
    assert_eq!(code, Some(CloseCode::Replaced));
    assert!(live.works().await);
}

/// A call, as a dialer would send it right behind its third message.
fn call() -> Vec<u8> {
    let mut plain = Vec::new();
    let body = bytes::Bytes::from_static(b"early");
    let codec = Codec::Raw;
    encode(&Record { codec, body, ..Record::bare(RecordType::Call, CallId(1)) }, &mut plain);
    plain
}

/// Sends third message and first call in `pieces` of that many bytes; the call is answered.
async fn answered_in_pieces_of(bytes: usize) {
    let mut end = start(Limits::default()).await;
    let (mut stranger, third, keys) = {
        let mut stranger = super::stranger::Stranger::connect(end.address).await;
        let (dialer, opening) =
            super::stranger::opening_with(&super::listener::psk(), &dialer_key());
        for piece in opening.chunks(bytes) {
            stranger.stream.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        Halfway { stranger, opening, dialer }.third().await
    };
    let both = [third, first_frame(&keys, &call())].concat();
    for piece in both.chunks(bytes) {
        stranger.stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let accepted = end.accepted.recv().await.unwrap();
    let glued = bytes >= both.len();
    assert!(!glued || !accepted.established.leftover.is_empty(), "the call came along");
    let _callee = spawn_link(accepted.established);

    let (mut opener, mut read) = (Opener::new(&keys.receive_key, 1 << 16), BytesMut::new());
    let frame = loop {
        if let Some(frame) = opener.next_frame(&mut read).unwrap() {
            break frame;
        }
        assert_ne!(stranger.stream.read_buf(&mut read).await.unwrap(), 0);
    };
    let record = decode(&mut frame.freeze()).unwrap().unwrap();
    assert_eq!((record.kind, &record.body[..]), (RecordType::Reply, &b"early"[..]));
}

#[tokio::test]
async fn row_14_a_call_glued_to_the_third_message_is_answered() {
    answered_in_pieces_of(1 << 16).await;
}

#[tokio::test]
async fn row_14_segments_of_any_size_make_the_same_link() {
    for bytes in [1, 2, 3, 7, 17, 66] {
        answered_in_pieces_of(bytes).await;
    }
}
