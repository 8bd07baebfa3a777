//! The cipher of a link: ChaCha20-Poly1305 behind one small trait with two backends that write the
//! same bytes.
//!
//! * [`chacha`]: the crate `chacha20poly1305`, pure Rust; the default, and the oracle of the tests
//! * `ring` (feature `aead-ring`): several times cheaper, on in shipped binaries
//!
//! [`extended`] is the same for keys that many processes share: with a random nonce.
//!
//! Nonces are Noise's: four zero bytes, then a counter as little-endian `u64`. Keeping counters
//! from repeating is the caller's duty; [`crate::frame`] does it for links.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub mod chacha;
pub mod extended;
#[cfg(feature = "aead-ring")]
pub mod ring;

#[cfg(test)]
mod tests;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Bytes that sealing adds.
pub const TAG_BYTES: usize = 16;

/// The cipher that links of this build use.
#[cfg(not(feature = "aead-ring"))]
pub type LinkCipher = chacha::ChaCha;

/// The cipher that links of this build use.
#[cfg(feature = "aead-ring")]
pub type LinkCipher = self::ring::Ring;

/// The tag that proves who sealed.
pub type Tag = [u8; TAG_BYTES];

/// A symmetric key. Wiped when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AeadKey([u8; KEY_BYTES]);

impl AeadKey {
    /// Takes the bytes over.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key itself, for a cipher to take in.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl PartialEq for AeadKey {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for AeadKey {}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(..)")
    }
}

/// The tag does not fit: the bytes were changed, moved or sealed with another key. Not retryable;
/// the connection that carried them must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not hold")]
pub struct SealBroken;

/// Seals and opens in place, so that no frame is copied on its way.
///
/// ```
/// use meshwork_shared::aead::{Aead, AeadKey, LinkCipher};
///
/// let cipher = LinkCipher::new(&AeadKey::new([7; 32]));
/// let mut bytes = *b"hello";
/// let tag = cipher.seal_in_place(0, b"context", &mut bytes);
/// assert_ne!(&bytes, b"hello");
/// assert!(cipher.open_in_place(0, b"context", &mut bytes, &tag).is_ok());
/// assert_eq!(&bytes, b"hello");
/// ```
pub trait Aead: Send + Sync + Sized {
    /// A cipher under `key`.
    fn new(key: &AeadKey) -> Self;

    /// Replaces `buffer` by its ciphertext and returns the tag over it and `aad`. A `counter` must
    /// never be used twice under one key.
    fn seal_in_place(&self, counter: u64, aad: &[u8], buffer: &mut [u8]) -> Tag;

    /// Replaces the ciphertext in `buffer` by the plaintext.
    ///
    /// # Errors
    /// [`SealBroken`]; `buffer` then holds nothing of use.
    fn open_in_place(
        &self,
        counter: u64,
        aad: &[u8],
        buffer: &mut [u8],
        tag: &Tag,
    ) -> Result<(), SealBroken>;

    /// Replaces the key by Noise's `REKEY` of it: the old one cannot be found from the new one.
    fn rekey(&mut self) {
        let mut next = Zeroizing::new([0; KEY_BYTES]);
        self.seal_in_place(u64::MAX, &[], next.as_mut());
        *self = Self::new(&AeadKey::new(*next));
    }
}

/// Noise's nonce: four zero bytes, then the counter as little-endian `u64`.
fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}
