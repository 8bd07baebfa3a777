//! Identifiers that both sides of a link exchange. Names (worker, variant, command) live in
//! `meshwork_schema`, because the schema is what makes them valid.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Identity of a mesh: 16 random bytes, part of the mesh secret, not secret themselves.
/// Rotating the secret keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeshId(pub [u8; 16]);

/// Identity of a process: its X25519 public key. Proven by every handshake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 32]);

/// Identity of a queued call: 16 random bytes, drawn where the job is stored. Whoever holds it can
/// ask what became of the job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub [u8; 16]);

/// Which life of a variant this is: unix milliseconds at admission, or one more than the highest
/// ever seen. Never reused; the higher one wins.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

/// Number of a call on its link; unique for the life of the link, chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

macro_rules! hex_id {
    ($name:ident, $bytes:literal) => {
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

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
                parse_hex::<$bytes>(&text)
                    .map(Self)
                    .ok_or_else(|| serde::de::Error::custom(concat!($bytes, " bytes of hex")))
            }
        }
    };
}

hex_id!(MeshId, 16);
hex_id!(NodeId, 32);
hex_id!(JobId, 16);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_ids_read_back_what_they_print() {
        let id = MeshId(*b"0123456789abcdef");
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<MeshId>(&text).unwrap(), id);
        assert!(serde_json::from_str::<MeshId>("\"00\"").is_err());
        assert!(serde_json::from_str::<NodeId>(&text).is_err());
    }
}
