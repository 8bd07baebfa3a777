//! The pure Rust backend: the default, and what the other one is compared with.

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};

use super::{Aead, AeadKey, SealBroken, Tag, nonce};

/// ChaCha20-Poly1305 of the crate `chacha20poly1305`. Wipes its key when dropped.
pub struct ChaCha(ChaCha20Poly1305);

impl Aead for ChaCha {
    fn new(key: &AeadKey) -> Self {
        Self(ChaCha20Poly1305::new(key.expose().into()))
    }

    fn seal_in_place(&self, counter: u64, aad: &[u8], buffer: &mut [u8]) -> Tag {
        self.0
            .encrypt_inout_detached(&nonce(counter).into(), aad, buffer.into())
            .expect("a buffer in memory is below the cipher's 256 GiB")
            .into()
    }

    fn open_in_place(
        &self,
        counter: u64,
        aad: &[u8],
        buffer: &mut [u8],
        tag: &Tag,
    ) -> Result<(), SealBroken> {
        if cfg!(mutate = "tag_check") {
            // The mutation check: a stream cipher opens by sealing once more, tag or no tag.
            self.seal_in_place(counter, aad, buffer);
            return Ok(());
        }
        self.0
            .decrypt_inout_detached(&nonce(counter).into(), aad, buffer.into(), tag.into())
            .map_err(|_| SealBroken)
    }
}

impl std::fmt::Debug for ChaCha {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChaCha(..)")
    }
}
