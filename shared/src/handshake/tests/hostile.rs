//! What strangers and men in the middle send. Everywhere: refused, and before the pre-shared key
//! is proven, without a byte in return.

use super::*;

/// Feeds `bytes` to a fresh acceptor that must refuse them without an answer.
fn refused(bytes: &[u8]) -> HandshakeError {
    let mut end = AcceptorEnd::new();
    let error = end.feed(bytes).unwrap_err();
    assert!(end.sent.is_empty());
    error
}

fn opening_with(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut opening = transcript().opening;
    change(&mut opening);
    opening
}

/// Feeds what an undisturbed dialer sends, with another third message.
fn third_refused(third: &[u8]) -> HandshakeError {
    let mut end = AcceptorEnd::new();
    end.feed(&transcript().opening).unwrap();
    let error = end.feed(third).unwrap_err();
    assert!(!end.is_verified());
    error
}

fn second_refused(second: &[u8]) -> HandshakeError {
    dial().0.handle(&mut BytesMut::from(second)).unwrap_err()
}

#[test]
fn row_3_other_protocols_are_closed() {
    let hello = hex("160301020001000101fc0303000102030405060708090a0b");
    for bytes in
        [&b"GET / HTTP/1.1\r\nHost: mesh\r\n\r\n"[..], &hello, &[0; 64], b"SSH-2.0-OpenSSH_9.6\r\n"]
    {
        assert_eq!(refused(bytes), HandshakeError::Magic);
    }
}

#[test]
fn row_4_unknown_version_kind_and_flags_are_closed() {
    let with = |at: usize, value: u8| opening_with(|bytes| bytes[at] = value);
    for version in [0, 2, 255] {
        assert_eq!(refused(&with(4, version)), HandshakeError::Version { version });
    }
    for kind in [0, 3, 255] {
        assert_eq!(refused(&with(5, kind)), HandshakeError::Kind { kind });
    }
    assert_eq!(refused(&with(6, 1)), HandshakeError::Flags);
    assert_eq!(refused(&with(7, 1)), HandshakeError::Flags);
}

#[test]
fn row_5_an_unknown_psk_id_is_closed_after_the_first_message() {
    let opening = opening_with(|bytes| bytes[8] ^= 1);
    let mut end = AcceptorEnd::new();
    end.feed(&opening[..opening.len() - 1]).unwrap();
    assert_eq!(end.feed(&opening[opening.len() - 1..]), Err(HandshakeError::UnknownPsk));
    assert!(end.sent.is_empty());
}

#[test]
fn row_5_the_dummy_key_opens_nothing() {
    let dummy = Psk { id: PskId(*b"no such1"), key: Zeroizing::new([0; 32]) };
    assert_eq!(refused(&dial_with(&dummy, &dialer_key()).1), HandshakeError::UnknownPsk);
}

#[test]
fn row_6_a_wrong_psk_is_closed_after_the_first_message() {
    let wrong = Psk { key: Zeroizing::new([8; 32]), ..psk() };
    let opening = dial_with(&wrong, &dialer_key()).1;
    assert_eq!(refused(&opening), HandshakeError::Unproven { message: 1 });
    // No key is agreed before that: one of low order is not even noticed.
    let low_order = opening_with(|bytes| bytes[PREAMBLE_BYTES + 2..][..32].fill(0));
    assert_eq!(refused(&low_order), HandshakeError::Unproven { message: 1 });
}

#[test]
fn a_changed_kind_proves_nothing_even_under_the_same_psk() {
    let opening = opening_with(|bytes| bytes[5] = 2);
    assert_eq!(refused(&opening), HandshakeError::Unproven { message: 1 });
}

#[test]
fn row_7_cut_off_anywhere_nothing_is_made() {
    let Transcript { opening, second, third, .. } = transcript();
    for end_at in 0..opening.len() {
        let mut end = AcceptorEnd::new();
        end.feed(&opening[..end_at]).unwrap();
        assert!(end.sent.is_empty());
        assert_eq!(end.machine.finish().unwrap_err(), HandshakeError::OutOfOrder);
    }
    for end_at in 0..second.len() {
        let (mut dialer, _) = dial();
        let step = dialer.handle(&mut BytesMut::from(&second[..end_at]));
        assert!(matches!(step, Ok(DialerStep::NeedMore)));
        assert_eq!(dialer.finish(&introduction(b"")).unwrap_err(), HandshakeError::OutOfOrder);
    }
    for end_at in 0..third.len() {
        let mut end = AcceptorEnd::new();
        end.feed(&opening).unwrap();
        end.feed(&third[..end_at]).unwrap();
        assert!(!end.is_verified());
        assert_eq!(end.machine.finish().unwrap_err(), HandshakeError::OutOfOrder);
    }
}

/// `bytes` with one bit flipped, and zeros behind, so that a message that claims to be longer than
/// it was gets its bytes.
fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    changed.resize(bytes.len() + 1024, 0);
    changed
}

#[test]
fn row_8_every_flipped_bit_of_the_opening_is_refused() {
    let opening = transcript().opening;
    for bit in 0..opening.len() * 8 {
        refused(&flipped(&opening, bit));
    }
}

#[test]
fn row_8_every_flipped_bit_of_the_second_message_is_refused() {
    let second = transcript().second;
    for bit in 0..second.len() * 8 {
        let error = second_refused(&flipped(&second, bit));
        assert!(bit < 16 || error == HandshakeError::Unproven { message: 2 }, "{bit}: {error:?}");
    }
}

#[test]
fn row_8_every_flipped_bit_of_the_third_message_is_refused() {
    let third = transcript().third;
    for bit in 0..third.len() * 8 {
        let error = third_refused(&flipped(&third, bit));
        assert!(bit < 16 || error == HandshakeError::Unproven { message: 3 }, "{bit}: {error:?}");
    }
}

#[test]
fn row_9_impossible_lengths_are_refused_from_the_length_alone() {
    for length in [0_u16, 15, 1025, 65535] {
        let refusal = |message| HandshakeError::Length { message, length };
        let bytes = length.to_be_bytes();
        let opening = [&transcript().opening[..PREAMBLE_BYTES], &bytes].concat();
        assert_eq!(refused(&opening), refusal(1));
        assert_eq!(third_refused(&bytes), refusal(3));

        let mut read = BytesMut::from(&bytes[..]);
        let capacity = read.capacity();
        assert_eq!(dial().0.handle(&mut read).unwrap_err(), refusal(2));
        assert_eq!(read.capacity(), capacity);
    }
}

#[test]
fn row_10_a_replayed_first_message_is_answered_but_leads_nowhere() {
    let Transcript { opening, second, .. } = transcript();
    let mut end = AcceptorEnd::new();
    end.ephemeral = [0x99; 32];
    end.feed(&opening).unwrap();
    assert_eq!(end.sent.len(), second.len());
    assert_ne!(end.sent, second);
    assert!(!end.is_verified());
}

#[test]
fn row_11_a_replayed_dialer_is_closed() {
    let Transcript { opening, third, .. } = transcript();
    let mut end = AcceptorEnd::new();
    end.ephemeral = [0x99; 32];
    let replayed = [opening, third].concat();
    assert_eq!(end.feed(&replayed), Err(HandshakeError::Unproven { message: 3 }));
    assert!(!end.is_verified());
}

#[test]
fn a_replayed_acceptor_is_refused() {
    let second = transcript().second;
    let ephemeral = Zeroizing::new([0x98; 32]);
    let (mut dialer, _) = Dialer::start(LinkKind::Data, &psk(), &dialer_key(), ephemeral).unwrap();
    let error = dialer.handle(&mut BytesMut::from(&second[..])).unwrap_err();
    assert_eq!(error, HandshakeError::Unproven { message: 2 });
}

#[test]
fn messages_sent_back_to_their_sender_are_refused() {
    let Transcript { opening, .. } = transcript();
    // A first message cannot even pass for a second one by its length.
    assert!(matches!(
        second_refused(&opening[PREAMBLE_BYTES..]),
        HandshakeError::Length { message: 2, .. }
    ));
}

#[test]
fn row_13_a_peer_with_our_own_key_is_refused() {
    let mut end = AcceptorEnd::new();
    end.key = dialer_key();
    let (mut dialer, opening) = dial();
    end.feed(&opening).unwrap();
    let error = dialer.handle(&mut BytesMut::from(&end.sent[..])).unwrap_err();
    assert_eq!(error, HandshakeError::Oneself);
}

#[test]
fn after_an_error_a_machine_is_of_no_more_use() {
    let mut end = AcceptorEnd::new();
    end.feed(&[0; 16]).unwrap_err();
    end.read.clear();
    assert_eq!(end.feed(&transcript().opening), Err(HandshakeError::OutOfOrder));
    let (mut dialer, _) = dial();
    dialer.handle(&mut BytesMut::from(&[0; 16][..])).unwrap_err();
    let error = dialer.handle(&mut BytesMut::from(&transcript().second[..])).unwrap_err();
    assert_eq!(error, HandshakeError::OutOfOrder);
}
