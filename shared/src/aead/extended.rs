//! XChaCha20-Poly1305 over the cipher of links: for keys that many processes share, which cannot
//! count together. Its nonces have 24 bytes, enough that random ones do not repeat.
//!
//! HChaCha20 makes a key of its own from the shared one and the first 16 bytes of the nonce; under
//! that key the last eight are an ordinary nonce (draft-irtf-cfrg-xchacha-03, section 2.3). They
//! stand where Noise has its counter.

use chacha20::{R20, hchacha};
use zeroize::Zeroize;

use super::{Aead, AeadKey, KEY_BYTES, LinkCipher, SealBroken, Tag};

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 24;

/// Replaces `buffer` by its ciphertext and returns the tag over it and `aad`. `nonce` must be
/// fresh random bytes.
///
/// ```
/// use meshwork_shared::aead::extended;
///
/// let (key, nonce, mut bytes) = ([7; 32], [9; 24], *b"hello");
/// let tag = extended::seal_in_place(&key, &nonce, b"context", &mut bytes);
/// assert!(extended::open_in_place(&key, &nonce, b"context", &mut bytes, &tag).is_ok());
/// assert_eq!(&bytes, b"hello");
/// ```
pub fn seal_in_place(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    buffer: &mut [u8],
) -> Tag {
    let (cipher, counter) = cipher(key, nonce);
    cipher.seal_in_place(counter, aad, buffer)
}

/// Replaces the ciphertext in `buffer` by the plaintext.
///
/// # Errors
/// [`SealBroken`]; `buffer` then holds nothing of use.
pub fn open_in_place(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    buffer: &mut [u8],
    tag: &Tag,
) -> Result<(), SealBroken> {
    let (cipher, counter) = cipher(key, nonce);
    cipher.open_in_place(counter, aad, buffer, tag)
}

/// The cipher of one nonce, and what is left of the nonce.
fn cipher(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES]) -> (LinkCipher, u64) {
    let (mut first, mut last) = ([0; 16], [0; 8]);
    first.copy_from_slice(&nonce[..16]);
    last.copy_from_slice(&nonce[16..]);
    let mut derived: [u8; KEY_BYTES] = hchacha::<R20>(key.into(), &first.into()).into();
    let cipher = LinkCipher::new(&AeadKey::new(derived));
    derived.zeroize();
    (cipher, u64::from_le_bytes(last))
}
