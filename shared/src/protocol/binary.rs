//! Bytes inside JSON: base64url without padding, bounded, and a form of it that keeps a secret.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// At most `MAX` bytes, base64url in JSON. Clones share the bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Binary<const MAX: usize>(pub Bytes);

impl<const MAX: usize> fmt::Debug for Binary<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({} bytes)", self.0.len())
    }
}

impl<const MAX: usize> From<Vec<u8>> for Binary<MAX> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl<const MAX: usize> Serialize for Binary<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Binary<MAX> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(input)?;
        // Four characters carry three bytes.
        if text.len() > MAX.div_ceil(3) * 4 {
            return Err(D::Error::custom(format_args!("more than {MAX} bytes")));
        }
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(|_| not_base64())?;
        if bytes.len() > MAX {
            return Err(D::Error::custom(format_args!("more than {MAX} bytes")));
        }
        Ok(Self(bytes.into()))
    }
}

/// A secret of exactly `N` bytes. Prints nothing of itself; wiped when dropped.
#[derive(Clone)]
pub struct SecretBinary<const N: usize>([u8; N]);

impl<const N: usize> SecretBinary<N> {
    /// Wraps the bytes of a secret.
    pub fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The secret itself; for deriving keys, never for logs.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

/// Compares in constant time.
impl<const N: usize> PartialEq for SecretBinary<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> Eq for SecretBinary<N> {}

impl<const N: usize> Drop for SecretBinary<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for SecretBinary<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBinary({N} bytes)")
    }
}

impl<const N: usize> Serialize for SecretBinary<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0)))
    }
}

impl<'de, const N: usize> Deserialize<'de> for SecretBinary<N> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(input)?;
        if text.len() > N.div_ceil(3) * 4 {
            return Err(D::Error::custom(format_args!("not {N} bytes")));
        }
        let decoded = URL_SAFE_NO_PAD.decode(text.as_bytes()).map_err(|_| not_base64())?;
        let decoded = Zeroizing::new(decoded);
        let bytes: [u8; N] = decoded
            .as_slice()
            .try_into()
            .map_err(|_| D::Error::custom(format_args!("not {N} bytes")))?;
        Ok(Self(bytes))
    }
}

/// The cause of base64's own error quotes the byte it met, which may be of a secret: left out.
fn not_base64<E: Error>() -> E {
    E::custom("not base64url without padding")
}
