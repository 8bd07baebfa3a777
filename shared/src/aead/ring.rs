//! The backend over `ring`, several times cheaper. It does not wipe its key when dropped, since
//! `ring` offers no way to.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::{Aead, AeadKey, SealBroken, TAG_BYTES, Tag, nonce};

/// ChaCha20-Poly1305 of the crate `ring`.
pub struct Ring(LessSafeKey);

impl Aead for Ring {
    fn new(key: &AeadKey) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.expose());
        Self(LessSafeKey::new(key.expect("a key has 32 bytes")))
    }

    fn seal_in_place(&self, counter: u64, aad: &[u8], buffer: &mut [u8]) -> Tag {
        let nonce = Nonce::assume_unique_for_key(nonce(counter));
        let sealed = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), buffer)
            .expect("a buffer in memory is below the cipher's 256 GiB");
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(sealed.as_ref());
        tag
    }

    fn open_in_place(
        &self,
        counter: u64,
        aad: &[u8],
        buffer: &mut [u8],
        tag: &Tag,
    ) -> Result<(), SealBroken> {
        let nonce = Nonce::assume_unique_for_key(nonce(counter));
        self.0
            .open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), buffer, 0..)
            .map(|_| ())
            .map_err(|_| SealBroken)
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ring(..)")
    }
}
