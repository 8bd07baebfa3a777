//! Link secrets: what the master hands to admitted workers so that they can dial each other.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{LinkKind, Psk};
use crate::ids::MeshId;

/// The secret of one epoch that data links take their pre-shared keys from. The master computes it
/// ([`AuthorityKey::link_secret`](crate::identity::AuthorityKey::link_secret)); workers get it over
/// their control link and keep it in memory only.
#[derive(Clone)]
pub struct LinkSecret(Zeroizing<[u8; 32]>);

impl LinkSecret {
    /// Takes the 32 bytes that arrived over the control link.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes to send to an admitted worker. Never log them.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The pre-shared key of data links in `mesh`.
    pub fn psk(&self, mesh: &MeshId) -> Psk {
        Psk::derive(LinkKind::Data, mesh, &self.0)
    }
}

impl From<Zeroizing<[u8; 32]>> for LinkSecret {
    fn from(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }
}

/// Compares in constant time.
impl PartialEq for LinkSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for LinkSecret {}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(..)")
    }
}
