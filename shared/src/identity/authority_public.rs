//! The public half of the authority key, and its two short names: the full hash that join keys
//! carry, and the 8 bytes of it that tickets carry.

use std::fmt;
use std::str::FromStr;

use blake2::{Blake2s256, Digest};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::secret::{SecretError, TextKind, decode, encode};

/// Public key of the master. Its text form is `authority1_<base64url>_<4 hex digits>`; not secret.
///
/// ```
/// use meshwork_shared::identity::{AuthorityKey, AuthorityPublic};
/// use meshwork_shared::random::Random;
///
/// let public = AuthorityKey::generate(&Random::system()).public();
/// assert_eq!(public.to_string().parse::<AuthorityPublic>()?, public);
/// # Ok::<(), meshwork_shared::identity::AuthorityPublicError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthorityPublic(VerifyingKey);

/// Why bytes or a text are no authority public key. The sender's or operator's fault; retrying does
/// not help.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AuthorityPublicError {
    /// The text is cut, mistyped, or another kind of key.
    #[error(transparent)]
    Text(#[from] SecretError),
    /// The bytes are no point of the curve in its one spelling, or a point that proves nothing
    /// (small order).
    #[error("these bytes are not a usable Ed25519 public key")]
    Point,
}

impl AuthorityPublic {
    /// Takes the public half of a private key, which is usable by its making.
    pub(crate) fn of_key(key: VerifyingKey) -> Self {
        Self(key)
    }

    /// The key of these 32 bytes.
    ///
    /// # Errors
    /// [`AuthorityPublicError::Point`] when they are no usable point of the curve.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, AuthorityPublicError> {
        match VerifyingKey::from_bytes(bytes) {
            // The library also takes second spellings of a point, which would give one key two ids.
            Ok(key) if !key.is_weak() && key.to_edwards().compress().to_bytes() == *bytes => {
                Ok(Self(key))
            }
            _ => Err(AuthorityPublicError::Point),
        }
    }

    /// The bytes that travel.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Full hash of the key: what a join key pins.
    pub fn hash(&self) -> AuthorityHash {
        let hash = Blake2s256::new().chain_update(b"mesh/authority/v1").chain_update(self.0);
        AuthorityHash(hash.finalize().into())
    }

    /// Short name of the key: what a ticket carries.
    pub fn id(&self) -> AuthorityId {
        self.hash().id()
    }

    /// Whether this key signed `message` for the purpose that `domain` names. Strict: exactly one
    /// signature of a message is accepted.
    pub(crate) fn verify(&self, domain: &[u8], message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.0.verify_strict(&[domain, message].concat(), &signature).is_ok()
    }
}

impl FromStr for AuthorityPublic {
    type Err = AuthorityPublicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let payload = decode(TextKind::AuthorityPublic, text)?;
        let bytes = payload.as_slice().try_into();
        Self::from_bytes(bytes.map_err(|_| AuthorityPublicError::Point)?)
    }
}

impl fmt::Display for AuthorityPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(TextKind::AuthorityPublic, self.as_bytes()))
    }
}

impl fmt::Debug for AuthorityPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorityPublic({self})")
    }
}

impl Serialize for AuthorityPublic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AuthorityPublic {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Hash of an [`AuthorityPublic`], 32 bytes: nobody can make another key with the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityHash(pub [u8; 32]);

impl AuthorityHash {
    /// The first 8 bytes of the hash.
    pub fn id(&self) -> AuthorityId {
        let mut id = [0; 8];
        id.copy_from_slice(&self.0[..8]);
        AuthorityId(id)
    }
}

/// Short name of an [`AuthorityPublic`]: the first 8 bytes of its hash. A name to look the key up
/// by, no proof of anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityId(pub [u8; 8]);

macro_rules! show_hex {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

show_hex!(AuthorityHash);
show_hex!(AuthorityId);
