//! The machines as they are meant to be used, and as they are not.

use super::*;
use crate::aead::{Aead, LinkCipher};
use crate::frame::{HEADER_BYTES, Opener, Sealer};
use crate::random::Random;

#[test]
fn both_ends_hold_the_same_keys_and_know_each_other() {
    let Transcript { dialed, accepted, .. } = transcript();
    assert_eq!(dialed.send_key, accepted.receive_key);
    assert_eq!(dialed.receive_key, accepted.send_key);
    assert_ne!(dialed.send_key, dialed.receive_key);
    assert_eq!((dialed.peer, accepted.peer), (acceptor_key().node_id(), dialer_key().node_id()));
    assert_eq!(dialed.hash, accepted.hash);
    assert_eq!(dialed.preamble, accepted.preamble);
}

#[test]
fn drawn_ephemerals_differ_each_time() {
    let random = Random::seeded(3);
    let opening = || Dialer::new(LinkKind::Data, &psk(), &dialer_key(), &random).unwrap().1;
    assert_ne!(opening(), opening());
}

#[test]
fn each_end_sees_what_the_other_said() {
    let (mut dialer, opening) = dial();
    let mut end = AcceptorEnd::new();
    end.feed(&opening).unwrap();
    let step = dialer.handle(&mut BytesMut::from(&end.sent[..])).unwrap();
    let DialerStep::VerifyAcceptor(peer) = step else { panic!("the message is complete") };
    assert_eq!(peer.node, acceptor_key().node_id());
    assert_eq!(peer.introduction, introduction(b"acceptor"));
    end.feed(&dialer.finish(&introduction(b"dialer")).unwrap().0).unwrap();
    let peer = end.peer.unwrap();
    assert_eq!(peer.node, dialer_key().node_id());
    assert_eq!(peer.introduction, introduction(b"dialer"));
}

#[test]
fn the_dialer_shows_nothing_of_itself_before_it_has_verified_the_acceptor() {
    // Only its ephemeral key is sent in the open; the rest is one tag.
    let (dialer, opening) = dial();
    assert_eq!(opening.len(), PREAMBLE_BYTES + 2 + 32 + 16);
    assert_eq!(dialer.finish(&Introduction::default()).unwrap_err(), HandshakeError::OutOfOrder);
}

#[test]
fn row_14_frames_glued_to_the_third_message_stay_in_the_buffer() {
    let (mut dialer, opening) = dial();
    let mut end = AcceptorEnd::new();
    end.feed(&opening).unwrap();
    dialer.handle(&mut BytesMut::from(&end.sent[..])).unwrap();
    let (mut bytes, dialed) = dialer.finish(&introduction(b"dialer")).unwrap();
    let start = bytes.len();
    bytes.extend_from_slice(&[0; HEADER_BYTES]);
    bytes.extend_from_slice(b"the first call");
    Sealer::new(&dialed.send_key).seal(&mut bytes, start).unwrap();

    end.feed(&bytes).unwrap();
    let accepted = end.machine.finish().unwrap();
    let mut opener = Opener::new(&accepted.receive_key, 1 << 18);
    assert_eq!(&opener.next_frame(&mut end.read).unwrap().unwrap()[..], b"the first call");
    assert!(end.read.is_empty());
}

#[test]
fn row_14_segments_of_one_byte_work() {
    let (mut dialer, opening) = dial();
    let mut end = AcceptorEnd::new();
    opening.iter().for_each(|byte| end.feed(&[*byte]).unwrap());
    let mut read = BytesMut::new();
    let (last, but_last) = end.sent.split_last().unwrap();
    for byte in but_last {
        read.extend_from_slice(&[*byte]);
        assert!(matches!(dialer.handle(&mut read), Ok(DialerStep::NeedMore)));
    }
    read.extend_from_slice(&[*last]);
    assert!(matches!(dialer.handle(&mut read), Ok(DialerStep::VerifyAcceptor(_))));
    let (third, _) = dialer.finish(&introduction(b"dialer")).unwrap();
    third.iter().for_each(|byte| end.feed(&[*byte]).unwrap());
    assert!(end.is_verified());
}

#[test]
fn link_keys_are_those_of_the_cipher() {
    let Transcript { dialed, accepted, .. } = transcript();
    let mut bytes = *b"hello";
    let tag = LinkCipher::new(&dialed.send_key).seal_in_place(0, &[], &mut bytes);
    let receiver = LinkCipher::new(&accepted.receive_key);
    assert!(receiver.open_in_place(0, &[], &mut bytes, &tag).is_ok());
}

#[test]
fn answers_that_were_not_asked_for_are_refused() {
    let mut acceptor = Acceptor::new();
    let random = Random::seeded(1);
    let out_of_order = Err(HandshakeError::OutOfOrder);
    assert_eq!(acceptor.introduce(&Introduction::default()), Err(HandshakeError::OutOfOrder));
    assert_eq!(acceptor.psk(Some(&psk()), &acceptor_key(), &random), out_of_order);
    assert_eq!(Acceptor::new().finish().unwrap_err(), HandshakeError::OutOfOrder);

    let mut acceptor = Acceptor::new();
    let mut read = BytesMut::from(&dial().1[..]);
    acceptor.handle(&mut read).unwrap();
    // The lookup was not answered.
    assert_eq!(acceptor.handle(&mut read).unwrap_err(), HandshakeError::OutOfOrder);
    assert_eq!(acceptor.psk(Some(&psk()), &acceptor_key(), &random), out_of_order);
}

#[test]
fn an_introduction_that_does_not_fit_is_refused_by_its_own_end() {
    let (mut dialer, opening) = dial();
    let mut end = AcceptorEnd::new();
    end.feed(&opening).unwrap();
    dialer.handle(&mut BytesMut::from(&end.sent[..])).unwrap();
    let cause = IntroductionError::TooLong;
    assert_eq!(
        dialer.finish(&introduction(&[0; 297])).unwrap_err(),
        HandshakeError::Introduction { message: 3, cause }
    );
}

#[test]
fn nothing_prints_a_key() {
    let Transcript { dialed, .. } = transcript();
    let key = format!("{:?}", dialed.send_key.expose());
    let printed = format!("{dialed:?} {:?} {:?}", dial().0, AcceptorEnd::new().machine);
    assert!(!printed.contains(&key) && printed.contains("AeadKey(..)"), "{printed}");
}
