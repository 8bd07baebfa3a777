use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use proptest::prelude::*;

use super::chacha::ChaCha;
use super::*;

#[test]
fn rfc_8439_vector_holds_for_noise_nonces() {
    // RFC 8439, appendix A.5: its nonce starts with four zero bytes, so that it is a Noise nonce.
    let key = hex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
    let mut buffer = hex(concat!(
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09e",
        "e94e382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e",
        "008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c8",
        "67e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa115",
        "5b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb",
        "4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d",
        "6c6f2c29a6ad5cb4022b02709b",
    ));
    let tag = hex("eead9d67890cbb22392336fea1851f38");
    let aad = hex("f33388860000000000004e91");
    let counter = u64::from_le_bytes([1, 2, 3, 4, 5, 6, 7, 8]);
    let cipher = LinkCipher::new(&AeadKey::new(key.try_into().unwrap()));
    cipher.open_in_place(counter, &aad, &mut buffer, &tag.try_into().unwrap()).unwrap();
    assert!(buffer.starts_with(b"Internet-Drafts are draft documents valid"));
}

#[test]
fn a_flipped_bit_of_anything_breaks_the_seal() {
    let cipher = LinkCipher::new(&AeadKey::new([1; 32]));
    let mut sealed = *b"some text";
    let tag = cipher.seal_in_place(5, b"aad", &mut sealed);
    for bit in 0..sealed.len() * 8 {
        let mut copy = sealed;
        copy[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(cipher.open_in_place(5, b"aad", &mut copy, &tag), Err(SealBroken));
    }
    for bit in 0..tag.len() * 8 {
        let mut copy = tag;
        copy[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(cipher.open_in_place(5, b"aad", &mut sealed.clone(), &copy), Err(SealBroken));
    }
    assert!(cipher.open_in_place(6, b"aad", &mut sealed.clone(), &tag).is_err());
    assert!(cipher.open_in_place(5, b"add", &mut sealed.clone(), &tag).is_err());
    assert!(cipher.open_in_place(5, b"aad", &mut sealed.clone(), &tag).is_ok());
}

#[test]
fn rekey_is_noises() {
    // REKEY(k): the first 32 bytes of ENCRYPT(k, 2^64 - 1, no data, 32 zero bytes).
    let key = AeadKey::new([9; 32]);
    let mut next = [0; 32];
    LinkCipher::new(&key).seal_in_place(u64::MAX, &[], &mut next);
    let mut rekeyed = LinkCipher::new(&key);
    rekeyed.rekey();
    let (mut one, mut other) = (*b"abc", *b"abc");
    let tag = rekeyed.seal_in_place(0, &[], &mut one);
    assert_eq!(tag, LinkCipher::new(&AeadKey::new(next)).seal_in_place(0, &[], &mut other));
    assert_eq!(one, other);
}

#[test]
fn a_key_prints_nothing_of_itself() {
    assert_eq!(format!("{:?}", AeadKey::new([0xAB; 32])), "AeadKey(..)");
}

proptest! {
    /// Under `aead-ring` this compares the two backends; without it, the oracle with itself.
    #[test]
    fn both_backends_write_and_read_the_same_bytes(
        key: [u8; 32], counter: u64, aad: Vec<u8>, text: Vec<u8>, rekeys in 0..3_usize,
    ) {
        let key = AeadKey::new(key);
        let (mut oracle, mut link) = (ChaCha::new(&key), LinkCipher::new(&key));
        for _ in 0..rekeys {
            oracle.rekey();
            link.rekey();
        }
        let (mut one, mut other) = (text.clone(), text.clone());
        let tag = oracle.seal_in_place(counter, &aad, &mut one);
        prop_assert_eq!(tag, link.seal_in_place(counter, &aad, &mut other));
        prop_assert_eq!(&one, &other);
        link.open_in_place(counter, &aad, &mut one, &tag).unwrap();
        oracle.open_in_place(counter, &aad, &mut other, &tag).unwrap();
        prop_assert_eq!(&one, &text);
        prop_assert_eq!(&other, &text);
    }

    /// The crate's own XChaCha20-Poly1305 is the oracle.
    #[test]
    fn random_nonces_are_those_of_xchacha(
        key: [u8; 32], nonce: [u8; extended::NONCE_BYTES], aad: Vec<u8>, text: Vec<u8>,
    ) {
        let (mut one, mut other) = (text.clone(), text.clone());
        let tag = XChaCha20Poly1305::new(&key.into())
            .encrypt_inout_detached(&nonce.into(), &aad, one.as_mut_slice().into())
            .unwrap();
        prop_assert_eq!(tag.as_slice(), extended::seal_in_place(&key, &nonce, &aad, &mut other));
        prop_assert_eq!(&one, &other);
        extended::open_in_place(&key, &nonce, &aad, &mut other, &tag.into()).unwrap();
        prop_assert_eq!(&other, &text);
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
