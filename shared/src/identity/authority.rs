//! The authority key: the Ed25519 key with which the master signs tickets and the schema.

use std::fmt;
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};

use super::key_file::{self, KeyFileError};
use super::{AuthorityId, AuthorityPublic};
use crate::hkdf;
use crate::random::Random;
use crate::secret::{LinkSecret, TextKind};

/// Names the purpose of [`AuthorityKey::link_secret`].
const LINK_SALT: &[u8] = b"mesh/link/v1";

/// The private key of the master. Always kept on disk: losing it means that every worker has to be
/// told to trust another.
#[derive(Clone)]
pub struct AuthorityKey {
    signing: SigningKey,
    public: AuthorityPublic,
}

impl AuthorityKey {
    /// A new key.
    pub fn generate(random: &Random) -> Self {
        Self::from_bytes(random.bytes())
    }

    /// The key of these 32 private bytes (the Ed25519 seed).
    pub fn from_bytes(seed: [u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(&seed);
        let public = AuthorityPublic::of_key(signing.verifying_key());
        Self { signing, public }
    }

    /// Reads the key from `path`; never makes one.
    ///
    /// # Errors
    /// [`KeyFileError`]: no file, one that others may read, or a damaged one.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        Ok(Self::from_bytes(*key_file::load(path, TextKind::AuthorityKey)?))
    }

    /// Reads the key from `path`, or makes one and keeps it there, readable by its owner only. Of
    /// two processes that start at once, one makes the key and both use it.
    ///
    /// # Errors
    /// [`KeyFileError`]: a file that others may read, that is damaged, or that cannot be written.
    pub fn load_or_create(path: &Path, random: &Random) -> Result<Self, KeyFileError> {
        let seed = key_file::load_or_create(path, TextKind::AuthorityKey, random)?;
        Ok(Self::from_bytes(*seed))
    }

    /// Short public name of this key, as tickets carry it.
    pub fn id(&self) -> AuthorityId {
        self.public.id()
    }

    /// The public half, with which everybody checks what this key signed.
    pub fn public(&self) -> AuthorityPublic {
        self.public
    }

    /// The secret that data links of `epoch` derive their keys from. Computed from this key, so a
    /// restarted master knows it again without having kept it.
    pub fn link_secret(&self, epoch: u64) -> LinkSecret {
        let info = [epoch.to_be_bytes()];
        hkdf::derive::<32>(LINK_SALT, self.signing.as_bytes(), &[&info[0]]).into()
    }

    /// Signs `message` for the purpose that `domain` names.
    pub(crate) fn sign(&self, domain: &[u8], message: &[u8]) -> [u8; 64] {
        self.signing.sign(&[domain, message].concat()).to_bytes()
    }
}

impl fmt::Debug for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityKey({}, ..)", self.id())
    }
}
