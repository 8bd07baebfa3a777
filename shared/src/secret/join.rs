//! Join keys: what a worker is deployed with. One is worth one worker name at one master.

use std::fmt;

use meshwork_schema::WorkerName;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::text::{SecretError, TextKind, decode, encode};
use super::{LinkKind, Psk};
use crate::identity::AuthorityHash;
use crate::ids::MeshId;

/// Bytes before the worker name: mesh id, authority hash, key.
const FIXED: usize = 16 + 32 + 32;

/// The key with which one worker name joins a mesh, as text `join1_<base64url>_<4 hex digits>`,
/// printed by `meshwork keygen join WORKER`. It names the authority too, so nothing is pinned on
/// trust.
///
/// ```
/// use meshwork_shared::identity::AuthorityKey;
/// use meshwork_shared::random::Random;
/// use meshwork_shared::secret::{JoinKey, MeshSecret};
///
/// let random = Random::system();
/// let authority = AuthorityKey::generate(&random);
/// let secret = MeshSecret::generate(&random);
/// let key = secret.join_key(&"thumbnailer".parse()?, authority.public().hash());
/// let read = JoinKey::parse(&key.expose_text())?;
/// assert_eq!(read.worker().as_ref(), "thumbnailer");
/// assert_eq!(read.psk().id, key.psk().id);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct JoinKey {
    mesh: MeshId,
    worker: WorkerName,
    authority: AuthorityHash,
    key: Zeroizing<[u8; 32]>,
}

impl JoinKey {
    pub(super) fn new(
        mesh: MeshId,
        worker: WorkerName,
        authority: AuthorityHash,
        key: Zeroizing<[u8; 32]>,
    ) -> Self {
        Self { mesh, worker, authority, key }
    }

    /// Reads the text that `meshwork keygen join` printed; blanks around it are ignored.
    ///
    /// # Errors
    /// [`SecretError`] for anything else; its message names the command to run.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let payload = decode(TextKind::JoinKey, text)?;
        Self::from_payload(&payload).ok_or(SecretError::Damaged { expected: TextKind::JoinKey })
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let (mesh, rest) = payload.split_first_chunk::<16>()?;
        let (authority, rest) = rest.split_first_chunk::<32>()?;
        let (key, worker) = rest.split_first_chunk::<32>()?;
        let worker = std::str::from_utf8(worker).ok()?.parse().ok()?;
        Some(Self::new(MeshId(*mesh), worker, AuthorityHash(*authority), Zeroizing::new(*key)))
    }

    /// The text to deploy the worker with. It is the key: never log it.
    pub fn expose_text(&self) -> Zeroizing<String> {
        let name = self.worker.as_ref().as_bytes();
        let mut payload = Zeroizing::new(Vec::with_capacity(FIXED + name.len()));
        payload.extend_from_slice(&self.mesh.0);
        payload.extend_from_slice(&self.authority.0);
        payload.extend_from_slice(self.key.as_slice());
        payload.extend_from_slice(name);
        encode(TextKind::JoinKey, &payload)
    }

    /// The pre-shared key of the control link to the master.
    pub fn psk(&self) -> Psk {
        Psk::derive(LinkKind::Control, &self.mesh, &self.key)
    }

    /// The one name that this key may claim.
    pub fn worker(&self) -> &WorkerName {
        &self.worker
    }

    /// Which mesh it joins.
    pub fn mesh_id(&self) -> MeshId {
        self.mesh
    }

    /// Hash of the public key that the master must show.
    pub fn authority_hash(&self) -> AuthorityHash {
        self.authority
    }
}

/// Compares in constant time.
impl PartialEq for JoinKey {
    fn eq(&self, other: &Self) -> bool {
        self.mesh == other.mesh
            && self.worker == other.worker
            && self.authority == other.authority
            && bool::from(self.key.ct_eq(other.key.as_slice()))
    }
}

impl Eq for JoinKey {}

impl fmt::Debug for JoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinKey({} of {}, ..)", self.worker.as_ref(), self.mesh)
    }
}
