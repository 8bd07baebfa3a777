//! The mesh secret: the root of a mesh, made by `meshwork keygen`, held by the operator and the
//! master (and, on a laptop, by the workers too).

use std::fmt;

use meshwork_schema::WorkerName;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::text::{SecretError, TextKind, decode, encode};
use super::{JoinKey, LinkKind, Psk};
use crate::hkdf;
use crate::identity::AuthorityHash;
use crate::ids::MeshId;
use crate::random::Random;

/// Names the purpose of the keys of [`MeshSecret::join_key`].
const JOIN_SALT: &[u8] = b"mesh/join/v1";

/// 16 bytes of cluster id and 32 bytes of secret, as text
/// `mesh1_<base64url>_<4 hex digits>`. Whoever holds it may claim any worker name at the master;
/// deploy [`JoinKey`]s instead.
///
/// ```
/// use meshwork_shared::random::Random;
/// use meshwork_shared::secret::MeshSecret;
///
/// let secret = MeshSecret::generate(&Random::system());
/// let again = MeshSecret::parse(&secret.expose_text())?;
/// assert_eq!(again.mesh_id(), secret.mesh_id());
/// assert!(MeshSecret::parse("correct horse battery staple").is_err());
/// # Ok::<(), meshwork_shared::secret::SecretError>(())
/// ```
#[derive(Clone)]
pub struct MeshSecret {
    mesh: MeshId,
    secret: Zeroizing<[u8; 32]>,
}

impl MeshSecret {
    /// A new mesh: new cluster id, new secret.
    pub fn generate(random: &Random) -> Self {
        Self { mesh: MeshId(random.bytes()), secret: Zeroizing::new(random.bytes()) }
    }

    /// A new secret of the same mesh, to replace this one.
    pub fn generate_rotated(&self, random: &Random) -> Self {
        Self { mesh: self.mesh, secret: Zeroizing::new(random.bytes()) }
    }

    /// Reads the text that `meshwork keygen` printed; blanks around it are ignored.
    ///
    /// # Errors
    /// [`SecretError`] for anything else; its message names the command to run.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let payload = decode(TextKind::MeshSecret, text)?;
        let damaged = SecretError::Damaged { expected: TextKind::MeshSecret };
        let (mesh, secret) = payload.split_first_chunk::<16>().ok_or(damaged.clone())?;
        let secret = <&[u8; 32]>::try_from(secret).map_err(|_| damaged)?;
        Ok(Self { mesh: MeshId(*mesh), secret: Zeroizing::new(*secret) })
    }

    /// The text to hand to the operator. It is the secret: never log it.
    pub fn expose_text(&self) -> Zeroizing<String> {
        let mut payload = Zeroizing::new([0; 48]);
        payload[..16].copy_from_slice(&self.mesh.0);
        payload[16..].copy_from_slice(self.secret.as_slice());
        encode(TextKind::MeshSecret, payload.as_slice())
    }

    /// Which mesh this is the secret of; not secret.
    pub fn mesh_id(&self) -> MeshId {
        self.mesh
    }

    /// The pre-shared key of links of `kind`. The wire uses [`LinkKind::Control`] only: data links
    /// take theirs from a [`LinkSecret`](super::LinkSecret).
    pub fn psk(&self, kind: LinkKind) -> Psk {
        Psk::derive(kind, &self.mesh, &self.secret)
    }

    /// The join key of one worker name, tied to the master that has this authority key. The same
    /// arguments always give the same key.
    pub fn join_key(&self, worker: &WorkerName, authority: AuthorityHash) -> JoinKey {
        let info = [self.mesh.0.as_slice(), worker.as_ref().as_bytes()];
        let key = hkdf::derive::<32>(JOIN_SALT, self.secret.as_slice(), &info);
        JoinKey::new(self.mesh, worker.clone(), authority, key)
    }
}

/// Compares in constant time.
impl PartialEq for MeshSecret {
    fn eq(&self, other: &Self) -> bool {
        self.mesh == other.mesh && bool::from(self.secret.ct_eq(other.secret.as_slice()))
    }
}

impl Eq for MeshSecret {}

impl fmt::Debug for MeshSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MeshSecret({}, ..)", self.mesh)
    }
}
