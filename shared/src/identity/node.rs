//! The node key: the X25519 key that every process has and proves in every handshake.

use std::fmt;
use std::path::Path;

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::key_file::{self, KeyFileError};
use crate::ids::NodeId;
use crate::random::Random;
use crate::secret::TextKind;

/// The private key of a process. Without a file it is made anew at every start.
///
/// ```
/// use meshwork_shared::identity::NodeKey;
/// use meshwork_shared::random::Random;
///
/// let key = NodeKey::generate(&Random::system());
/// println!("this process is {}", key.node_id());
/// ```
#[derive(Clone)]
pub struct NodeKey {
    secret: StaticSecret,
    id: NodeId,
}

impl NodeKey {
    /// A new key.
    pub fn generate(random: &Random) -> Self {
        Self::from_bytes(random.bytes())
    }

    /// The key of these 32 private bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let secret = StaticSecret::from(bytes);
        let id = NodeId(PublicKey::from(&secret).to_bytes());
        Self { secret, id }
    }

    /// Reads the key from `path`, or makes one and keeps it there, readable by its owner only. Of
    /// two processes that start at once, one makes the key and both use it.
    ///
    /// # Errors
    /// [`KeyFileError`]: a file that others may read, that is damaged, or that cannot be written.
    pub fn load_or_create(path: &Path, random: &Random) -> Result<Self, KeyFileError> {
        let bytes = key_file::load_or_create(path, TextKind::NodeKey, random)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// The public half: who this process is.
    pub fn node_id(&self) -> NodeId {
        self.id
    }

    /// The private bytes, for the handshake only. Never log them.
    pub fn expose_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes())
    }

    /// X25519 with another public key; `None` when that is a low-order point, whose result would be
    /// known to everybody.
    pub fn diffie_hellman(&self, other: &NodeId) -> Option<Zeroizing<[u8; 32]>> {
        let shared = self.secret.diffie_hellman(&PublicKey::from(other.0));
        shared.was_contributory().then(|| Zeroizing::new(shared.to_bytes()))
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({}, ..)", self.id)
    }
}

/// Whether `id` is a public key to deal with: written in the one canonical way, and not a low-order
/// point, which nobody has to own a private key for.
pub fn is_sound(id: &NodeId) -> bool {
    // Any private key tells: clamping makes it a multiple of 8, so exactly the low-order points
    // come out as zero.
    is_canonical(&id.0) && NodeKey::from_bytes([1; 32]).diffie_hellman(id).is_some()
}

/// Whether the little-endian number is below the field's prime, 2^255 - 19.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let low_part_at_least_prime =
        bytes[0] >= 0xed && bytes[1..31].iter().all(|byte| *byte == 0xff) && bytes[31] == 0x7f;
    bytes[31] & 0x80 == 0 && !low_part_at_least_prime
}
