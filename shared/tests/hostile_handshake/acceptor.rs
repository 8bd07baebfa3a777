//! What strangers say to an acceptor before they have proven anything.

use meshwork_shared::handshake::PREAMBLE_BYTES;
use meshwork_shared::limits::Limits;
use meshwork_shared::secret::Psk;

use super::listener::{dial, dialer_key, psk, psk_of, start};
use super::stranger::{answer_to, opening, opening_with};

/// Says each of `openings` on its own connection: no byte in return, all counted as `cause`, no
/// link made, and the live one goes on.
async fn refused(cause: &str, openings: impl IntoIterator<Item = Vec<u8>>) {
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    let mut count = 0;
    for opening in openings {
        assert_eq!(answer_to(end.address, &opening).await, b"", "{opening:?} was answered");
        count += 1;
    }
    assert_eq!(end.counted(cause, count).await, count, "{:?}", end.counters().by_cause());
    assert!(end.accepted.try_recv().is_err());
    assert!(live.works().await);
    // Nor does any of it keep out who holds the secret, behind the same address.
    assert!(dial(end.address).await.is_ok());
}

fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut opening = opening();
    change(&mut opening);
    opening
}

#[tokio::test]
async fn row_3_other_protocols_are_closed_without_a_byte() {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\0\x01\x02\x03\x04\x05\x06\x07";
    refused(
        "magic",
        [
            b"GET / HTTP/1.1\r\nHost: mesh\r\n\r\n".to_vec(),
            hello.to_vec(),
            b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            vec![0; 64],
            vec![0xff; 1 << 20],
        ],
    )
    .await;
}

#[tokio::test]
async fn row_4_unknown_versions_kinds_and_flags_are_closed_without_a_byte() {
    refused("version", [0, 2, 255].map(|version| changed(|bytes| bytes[4] = version))).await;
    refused("kind", [0, 3, 255].map(|kind| changed(|bytes| bytes[5] = kind))).await;
    refused("flags", [6, 7].map(|at| changed(|bytes| bytes[at] = 1))).await;
}

#[tokio::test]
async fn row_5_an_unknown_key_id_is_closed_without_a_byte() {
    let unknown = opening_with(&psk_of(8), &dialer_key()).1;
    refused("unknown_psk", [unknown, changed(|bytes| bytes[8] ^= 1)]).await;
}

#[tokio::test]
async fn row_6_a_wrong_key_under_a_right_id_is_closed_without_a_byte() {
    let wrong = Psk { id: psk().id, key: psk_of(8).key };
    let wrong = opening_with(&wrong, &dialer_key()).1;
    // Were a key agreed before the proof, one of low order would be told apart here.
    let low_order = changed(|bytes| bytes[PREAMBLE_BYTES + 2..][..32].fill(0));
    refused("wrong_psk", [wrong, low_order]).await;
}

#[tokio::test]
async fn row_7_an_opening_cut_off_anywhere_is_closed_without_a_byte() {
    let opening = opening();
    refused("closed", (0..opening.len()).map(|end| opening[..end].to_vec())).await;
}

#[tokio::test]
async fn row_8_an_opening_with_any_bit_flipped_is_closed_without_a_byte() {
    let opening = opening();
    let mut end = start(Limits::default()).await;
    let live = end.live_link().await;
    for bit in 0..opening.len() * 8 {
        let mut flipped = opening.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // A message that claims to be longer gets its bytes.
        flipped.resize(opening.len() + 1024, 0);
        assert_eq!(answer_to(end.address, &flipped).await, b"", "bit {bit}");
    }
    // Magic, version, kind, flags, key id, length and message: the bits of each.
    let bits = [("magic", 32), ("version", 8), ("flags", 16), ("unknown_psk", 64), ("length", 16)];
    for (cause, count) in bits {
        assert_eq!(end.counted(cause, count).await, count, "{cause}");
    }
    // The other kind has no such key.
    let kind = end.counters().of("kind") + end.counters().of("unknown_psk") - 64;
    assert_eq!((kind, end.counters().of("wrong_psk")), (8, 48 * 8));
    assert!(end.accepted.try_recv().is_err());
    assert!(live.works().await);
}

#[tokio::test]
async fn row_9_impossible_lengths_are_closed_without_a_byte() {
    let lengths = [0_u16, 15, 47, 49, 1025, 65535];
    let cut = |length: u16| {
        let opening = opening();
        [&opening[..PREAMBLE_BYTES], &length.to_be_bytes()].concat()
    };
    refused("length", lengths.map(cut)).await;
}
