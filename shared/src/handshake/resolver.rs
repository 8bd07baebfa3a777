//! The primitives of the handshake for `snow`: x25519-dalek, BLAKE2s and ChaCha20-Poly1305. Unlike
//! its stock resolver this one refuses low-order points, wipes its keys, draws from no generator
//! of its own, and derives a public key only when one is needed.

use std::sync::OnceLock;

use blake2::{Blake2s256, Digest};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::aead::chacha::ChaCha;
use crate::aead::{Aead, AeadKey, KEY_BYTES, TAG_BYTES, Tag};

/// Gives one handshake its primitives.
pub(super) struct Resolver {
    /// The private ephemeral key of this handshake, drawn by the caller.
    pub(super) ephemeral: Zeroizing<[u8; KEY_BYTES]>,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(OneDraw(Some(self.ephemeral.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        matches!(choice, DHChoice::Curve25519).then(|| Box::new(X25519::default()) as _)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        matches!(choice, HashChoice::Blake2s).then(|| Box::new(Blake2s::default()) as _)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        matches!(choice, CipherChoice::ChaChaPoly).then(|| Box::new(ChaChaPoly::default()) as _)
    }
}

/// The one draw that a handshake makes: its ephemeral key.
struct OneDraw(Option<Zeroizing<[u8; KEY_BYTES]>>);

impl Random for OneDraw {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), snow::Error> {
        let drawn = self.0.take().filter(|drawn| drawn.len() == dest.len());
        dest.copy_from_slice(drawn.ok_or(snow::Error::Rng)?.as_ref());
        Ok(())
    }
}

/// A key pair. The public half is derived at its first use: an acceptor whose dialer proves
/// nothing never pays for it.
pub(super) struct X25519 {
    secret: StaticSecret,
    public: OnceLock<PublicKey>,
}

impl Default for X25519 {
    fn default() -> Self {
        Self { secret: StaticSecret::from([0; KEY_BYTES]), public: OnceLock::new() }
    }
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        KEY_BYTES
    }

    fn priv_len(&self) -> usize {
        KEY_BYTES
    }

    fn set(&mut self, privkey: &[u8]) {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        bytes.copy_from_slice(privkey);
        *self = Self { secret: StaticSecret::from(*bytes), public: OnceLock::new() };
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rng.try_fill_bytes(bytes.as_mut())?;
        self.set(bytes.as_ref());
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        self.public.get_or_init(|| PublicKey::from(&self.secret)).as_bytes()
    }

    fn privkey(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        let theirs = pubkey.first_chunk::<KEY_BYTES>().ok_or(snow::Error::Dh)?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(*theirs));
        if !shared.was_contributory() {
            return Err(snow::Error::Dh);
        }
        out[..KEY_BYTES].copy_from_slice(shared.as_bytes());
        Ok(())
    }
}

#[derive(Default)]
struct Blake2s(Blake2s256);

impl Hash for Blake2s {
    fn name(&self) -> &'static str {
        "BLAKE2s"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Blake2s256::new();
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let hash = Zeroizing::new(<[u8; 32]>::from(self.0.finalize_reset()));
        out[..32].copy_from_slice(hash.as_ref());
    }
}

/// The oracle cipher, whatever backend the frames of this build use.
struct ChaChaPoly(ChaCha);

impl Default for ChaChaPoly {
    fn default() -> Self {
        Self(ChaCha::new(&AeadKey::new([0; KEY_BYTES])))
    }
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; KEY_BYTES]) {
        self.0 = ChaCha::new(&AeadKey::new(*key));
    }

    fn encrypt(&self, nonce: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let (text, rest) = out.split_at_mut(plaintext.len());
        text.copy_from_slice(plaintext);
        rest[..TAG_BYTES].copy_from_slice(&self.0.seal_in_place(nonce, authtext, text));
        plaintext.len() + TAG_BYTES
    }

    fn decrypt(
        &self,
        nonce: u64,
        authtext: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, snow::Error> {
        let (sealed, tag): (_, &Tag) = ciphertext.split_last_chunk().ok_or(snow::Error::Decrypt)?;
        let text = out.get_mut(..sealed.len()).ok_or(snow::Error::Decrypt)?;
        text.copy_from_slice(sealed);
        self.0.open_in_place(nonce, authtext, text, tag).map_err(|_| snow::Error::Decrypt)?;
        Ok(sealed.len())
    }
}
