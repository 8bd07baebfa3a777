//! Whatever comes, no machine and no decoder panics, and none is talked into a link.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn arbitrary_bytes_make_no_link(pieces in vec(vec(any::<u8>(), 0..200), 0..8)) {
        let mut end = AcceptorEnd::new();
        let (mut dialer, _) = dial();
        let mut read = BytesMut::new();
        for piece in &pieces {
            let _ = end.feed(piece);
            read.extend_from_slice(piece);
            prop_assert!(!matches!(dialer.handle(&mut read), Ok(DialerStep::VerifyAcceptor(_))));
        }
        prop_assert!(end.sent.is_empty() && !end.is_verified());
    }

    #[test]
    fn arbitrary_bytes_behind_a_good_start_make_no_link(
        start in 0..120_usize, bytes in vec(any::<u8>(), 0..1200),
    ) {
        let Transcript { opening, third, .. } = transcript();
        let good = [opening, third].concat();
        let start = start.min(good.len() - 1);
        prop_assume!(!bytes.starts_with(&good[start..]));
        let mut end = AcceptorEnd::new();
        let _ = end.feed(&[&good[..start], &bytes[..]].concat());
        prop_assert!(!end.is_verified());
    }

    #[test]
    fn any_split_works(cuts in vec(1..80_usize, 1..20)) {
        let Transcript { opening, third, .. } = transcript();
        let good = [opening, third].concat();
        let (mut rest, mut cuts) = (&good[..], cuts.iter().cycle());
        let mut end = AcceptorEnd::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            end.feed(piece).unwrap();
            rest = after;
        }
        prop_assert!(end.is_verified());
    }

    #[test]
    fn what_decodes_as_an_introduction_encodes_again(
        ticket in vec(any::<u8>(), 0..20),
        parameters in vec((any::<u8>(), vec(any::<u8>(), 0..9)), 0..4),
        raw in vec(any::<u8>(), 0..300),
    ) {
        let _ = Introduction::decode(&raw);
        let mut list = Vec::new();
        for (number, value) in parameters {
            list.extend([number % 10, 0, value.len() as u8]);
            list.extend(value);
        }
        let lengths = [ticket.len(), list.len()].map(|length| (length as u16).to_be_bytes());
        let bytes = [&[1][..], &lengths[0], &ticket, &lengths[1], &list].concat();
        if let Ok(introduction) = Introduction::decode(&bytes) {
            let again = introduction.encode().unwrap();
            prop_assert_eq!(Introduction::decode(&again).unwrap(), introduction);
        }
    }

    #[test]
    fn preambles_have_one_form(bytes: [u8; PREAMBLE_BYTES], kind in 0..4_u8) {
        let mut likely = [*b"MSH1\x01\0\0\0", *b"psk-id-1"].concat();
        likely[5] = kind;
        for bytes in [bytes, likely.try_into().unwrap()] {
            if let Ok(preamble) = Preamble::decode(&bytes) {
                prop_assert_eq!(preamble.encode(), bytes);
            }
        }
    }
}
