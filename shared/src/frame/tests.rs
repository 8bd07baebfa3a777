use proptest::prelude::*;

use super::*;

const LARGEST: usize = 1000;

fn key() -> AeadKey {
    AeadKey::new([3; 32])
}

fn pair() -> (Sealer, Opener) {
    (Sealer::new(&key()), Opener::new(&key(), LARGEST))
}

fn sealed(sealer: &mut Sealer, text: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; HEADER_BYTES];
    buffer.extend_from_slice(text);
    sealer.seal(&mut buffer, 0).unwrap();
    buffer
}

/// Opens all of `bytes`, given in one piece.
fn open_all(opener: &mut Opener, bytes: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut input = BytesMut::from(bytes);
    let mut frames = Vec::new();
    while let Some(frame) = opener.next_frame(&mut input)? {
        frames.push(frame.to_vec());
    }
    Ok(frames)
}

#[test]
fn frames_are_sealed_behind_others_in_one_buffer() {
    let (mut sealer, mut opener) = pair();
    let mut buffer = BytesMut::new();
    for text in [&b"one"[..], b"", b"three"] {
        let start = buffer.len();
        buffer.put_bytes(0, HEADER_BYTES);
        buffer.put_slice(text);
        sealer.seal(&mut buffer, start).unwrap();
    }
    assert_eq!(buffer.len(), 8 + 3 * OVERHEAD_BYTES);
    assert_eq!(open_all(&mut opener, &buffer).unwrap(), [&b"one"[..], b"", b"three"]);
}

#[test]
fn a_frame_is_opened_where_it_lay() {
    let (mut sealer, mut opener) = pair();
    let mut input = BytesMut::from(&sealed(&mut sealer, b"text")[..]);
    let before = input.as_ptr() as usize + HEADER_BYTES;
    let frame = opener.next_frame(&mut input).unwrap().unwrap();
    assert_eq!(frame.as_ptr() as usize, before);
    assert!(input.is_empty());
}

#[test]
fn row_32_bad_lengths_are_refused_from_the_header_alone() {
    let longest = (LARGEST + TAG_BYTES) as u32;
    for length in [0, 1, 15, longest + 1, u32::MAX] {
        let mut opener = pair().1;
        let mut input = BytesMut::from(&length.to_be_bytes()[..]);
        let capacity = input.capacity();
        assert_eq!(opener.next_frame(&mut input), Err(FrameError::Length { length }));
        assert_eq!(input.capacity(), capacity);
        assert_eq!(opener.next_frame(&mut input), Err(FrameError::Length { length }));
    }
    for length in [16, longest] {
        let mut input = BytesMut::from(&length.to_be_bytes()[..]);
        assert_eq!(pair().1.next_frame(&mut input), Ok(None));
    }
}

#[test]
fn row_33_every_flipped_bit_closes() {
    let good = sealed(&mut pair().0, b"a record or two");
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut opener = pair().1;
        match open_all(&mut opener, &bad) {
            // A longer length only waits for more; the bytes that come then do not fit the seal.
            Ok(frames) => {
                assert!(frames.is_empty() && bit < 32);
                bad.resize(bad.len() + LARGEST, 0);
                assert_eq!(open_all(&mut opener, &bad), Err(FrameError::Seal));
            }
            Err(error) => assert!(bit < 32 || error == FrameError::Seal),
        }
    }
}

#[test]
fn row_34_replay_reorder_drop_and_duplicate_close() {
    let (mut sealer, _) = pair();
    let frames: Vec<_> = [b"a", b"b", b"c"].map(|text| sealed(&mut sealer, text)).to_vec();
    for order in [[0, 0, 1], [1, 0, 2], [0, 2, 1], [0, 1, 0], [0, 1, 1], [2, 1, 0]] {
        let bytes: Vec<u8> = order.iter().flat_map(|&at: &usize| frames[at].clone()).collect();
        let mut opener = pair().1;
        assert_eq!(open_all(&mut opener, &bytes), Err(FrameError::Seal), "{order:?}");
        // Dead for good, even for a frame that would be right.
        assert_eq!(open_all(&mut opener, &frames[2]), Err(FrameError::Seal));
    }
}

#[test]
fn row_36_counters_end_cleanly() {
    let mut sealer = Sealer::starting_at(&key(), FRAMES_MAX - 2);
    let mut opener = Opener::starting_at(&key(), LARGEST, FRAMES_MAX - 2);
    assert_eq!(sealer.frames_left(), 2);
    let mut bytes = sealed(&mut sealer, b"call");
    assert_eq!(sealer.frames_left(), 1);
    bytes.extend(sealed(&mut sealer, b"close"));
    assert_eq!(open_all(&mut opener, &bytes).unwrap(), [&b"call"[..], b"close"]);

    let mut buffer = vec![0; HEADER_BYTES];
    assert_eq!(sealer.seal(&mut buffer, 0), Err(Exhausted));
    assert_eq!((buffer, sealer.frames_left()), (vec![0; HEADER_BYTES], 0));
    assert_eq!(open_all(&mut opener, &bytes), Err(FrameError::Exhausted));
}

#[test]
fn row_37_the_key_changes_between_65535_and_65536() {
    const BEFORE: u64 = 100;
    let first = REKEY_FRAMES - BEFORE;
    let mut sealer = Sealer::starting_at(&key(), first);
    let mut bytes = Vec::new();
    for number in first..REKEY_FRAMES + BEFORE {
        bytes.extend(sealed(&mut sealer, &number.to_be_bytes()));
    }
    // All of it in one read: the border lies within a batch.
    let frames = open_all(&mut Opener::starting_at(&key(), LARGEST, first), &bytes).unwrap();
    assert!(frames.iter().zip(first..).all(|(frame, number)| frame[..] == number.to_be_bytes()));
    assert_eq!(frames.len() as u64, 2 * BEFORE);

    // The frames on both sides of the border are under different keys.
    let mut cipher = LinkCipher::new(&key());
    for number in [REKEY_FRAMES - 1, REKEY_FRAMES] {
        if number == REKEY_FRAMES {
            cipher.rekey();
        }
        let mut expected = number.to_be_bytes();
        cipher.seal_in_place(number, &24_u32.to_be_bytes(), &mut expected);
        let at = (number - first) as usize * (8 + OVERHEAD_BYTES) + HEADER_BYTES;
        assert_eq!(bytes[at..at + 8], expected);
    }
}

#[test]
fn frames_are_as_frozen() {
    // Not made by this code: by another implementation of the cipher.
    let file = include_str!("../../tests/vectors/frames.json");
    let vector: serde_json::Value = serde_json::from_str(file).unwrap();
    let hex = |value: &serde_json::Value| -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        let digits = value.as_str().unwrap().as_bytes();
        digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    };
    let first = AeadKey::new(hex(&vector["first_key"]).try_into().unwrap());
    for frame in vector["frames"].as_array().unwrap() {
        let counter = frame["counter"].as_u64().unwrap();
        // The key in force just before this frame: at the border it changes within the seal.
        let rekeyed = AeadKey::new(hex(&frame["key"]).try_into().unwrap());
        let key = if counter.is_multiple_of(REKEY_FRAMES) { &first } else { &rekeyed };
        let (text, bytes) = (hex(&frame["plaintext"]), hex(&frame["frame"]));
        assert_eq!(sealed(&mut Sealer::starting_at(key, counter), &text), bytes, "{counter}");
        let mut opener = Opener::starting_at(key, LARGEST, counter);
        assert_eq!(open_all(&mut opener, &bytes).unwrap(), [text]);
    }
}

#[test]
fn the_two_directions_do_not_open_each_other() {
    let frame = sealed(&mut Sealer::new(&AeadKey::new([4; 32])), b"mine");
    assert_eq!(open_all(&mut pair().1, &frame), Err(FrameError::Seal));
}

proptest! {
    #[test]
    fn any_split_of_the_stream_gives_the_same_frames(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..20),
        cuts in prop::collection::vec(1..60_usize, 1..40),
    ) {
        let (mut sealer, mut opener) = pair();
        let bytes: Vec<u8> = texts.iter().flat_map(|text| sealed(&mut sealer, text)).collect();
        let (mut input, mut frames) = (BytesMut::new(), Vec::new());
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            rest = after;
            input.extend_from_slice(piece);
            while let Some(frame) = opener.next_frame(&mut input).unwrap() {
                frames.push(frame.to_vec());
            }
        }
        prop_assert_eq!(frames, texts);
    }

    #[test]
    fn a_frame_may_come_byte_by_byte(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut sealer, mut opener) = pair();
        let bytes = sealed(&mut sealer, &text);
        let mut input = BytesMut::new();
        for byte in &bytes[..bytes.len() - 1] {
            input.put_u8(*byte);
            prop_assert_eq!(opener.next_frame(&mut input), Ok(None));
        }
        input.put_u8(bytes[bytes.len() - 1]);
        prop_assert_eq!(&opener.next_frame(&mut input).unwrap().unwrap()[..], &text[..]);
    }

    #[test]
    fn arbitrary_bytes_never_open(bytes: Vec<u8>) {
        let mut opener = pair().1;
        prop_assert!(open_all(&mut opener, &bytes).is_ok_and(|frames| frames.is_empty())
            || opener.next_frame(&mut BytesMut::new()).is_err());
    }
}
