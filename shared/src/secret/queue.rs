//! The queue root and the keys that derive from it: what jobs in a shared store are sealed with.
//!
//! root (the master's) -> [`CalleeKey`] (the worker whose command it is) -> [`PairKey`] (one caller
//! of one command). Who holds a key can compute what is to the right of it and nothing else: a
//! worker reads whatever is meant for it, and writes only where the schema lets it.

use std::fmt;

use meshwork_schema::{CommandName, WorkerName};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::text::{SecretError, TextKind, decode, encode};
use crate::hkdf;
use crate::ids::MeshId;
use crate::random::Random;

/// Names the purpose of [`QueueRoot::callee_key`].
const CALLEE_SALT: &[u8] = b"mesh/queue/callee/v1";

/// Names the purpose of [`CalleeKey::pair_key`].
const PAIR_SALT: &[u8] = b"mesh/queue/pair/v1";

/// The secret of one epoch that all keys of queued jobs derive from. Random, so that no other key
/// of the mesh tells anything of it, and rotating one of those touches no job. The master keeps it
/// and never sends it.
///
/// ```
/// use meshwork_shared::random::Random;
/// use meshwork_shared::secret::QueueRoot;
///
/// let root = QueueRoot::generate(1_800_000_000_000, &Random::system());
/// let read = QueueRoot::parse(&root.expose_text())?;
/// assert_eq!(read, root);
/// # Ok::<(), meshwork_shared::secret::SecretError>(())
/// ```
#[derive(Clone)]
pub struct QueueRoot {
    epoch: u64,
    secret: Zeroizing<[u8; 32]>,
}

impl QueueRoot {
    /// A new one. `epoch` is the unix millisecond at which it was made, or one more than that of
    /// the one before, so that no two roots of a mesh share a number.
    pub fn generate(epoch: u64, random: &Random) -> Self {
        Self { epoch, secret: Zeroizing::new(random.bytes()) }
    }

    /// Reads the text of [`expose_text`](Self::expose_text); blanks around it are ignored.
    ///
    /// # Errors
    /// [`SecretError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let payload = decode(TextKind::QueueRoot, text)?;
        let damaged = SecretError::Damaged { expected: TextKind::QueueRoot };
        let (epoch, secret) = payload.split_first_chunk::<8>().ok_or(damaged.clone())?;
        let secret: [u8; 32] = secret.try_into().map_err(|_| damaged)?;
        Ok(Self { epoch: u64::from_be_bytes(*epoch), secret: Zeroizing::new(secret) })
    }

    /// The text to keep it as. It is the key: never log it.
    pub fn expose_text(&self) -> Zeroizing<String> {
        let mut payload = Zeroizing::new(Vec::with_capacity(40));
        payload.extend_from_slice(&self.epoch.to_be_bytes());
        payload.extend_from_slice(self.secret.as_slice());
        encode(TextKind::QueueRoot, &payload)
    }

    /// Its number, which is not secret: entries name it.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What `callee` opens its jobs with in `mesh`.
    pub fn callee_key(&self, mesh: &MeshId, callee: &WorkerName) -> CalleeKey {
        let info: [&[u8]; 2] = [&mesh.0, callee.as_str().as_bytes()];
        CalleeKey(hkdf::derive::<32>(CALLEE_SALT, self.secret.as_slice(), &info))
    }
}

/// Compares in constant time.
impl PartialEq for QueueRoot {
    fn eq(&self, other: &Self) -> bool {
        self.epoch == other.epoch && bool::from(self.secret.ct_eq(other.secret.as_slice()))
    }
}

impl Eq for QueueRoot {}

impl fmt::Debug for QueueRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueRoot({}, ..)", self.epoch)
    }
}

/// With which a worker opens the jobs of all its callers, and seals jobs to itself.
#[derive(Clone)]
pub struct CalleeKey(Zeroizing<[u8; 32]>);

/// With which one worker seals jobs of one command of another, and opens the replies.
#[derive(Clone)]
pub struct PairKey(Zeroizing<[u8; 32]>);

impl CalleeKey {
    /// The key of `caller` for `command`.
    pub fn pair_key(&self, caller: &WorkerName, command: &CommandName) -> PairKey {
        let caller = caller.as_str().as_bytes();
        // A name has at most 64 bytes; its length keeps the two names apart.
        let length = [caller.len() as u8];
        let info: [&[u8]; 3] = [&length, caller, command.as_str().as_bytes()];
        PairKey(hkdf::derive::<32>(PAIR_SALT, self.0.as_slice(), &info))
    }
}

macro_rules! key_of_bytes {
    ($($key:ident),+) => {
        $(impl $key {
            /// Takes the 32 bytes that arrived over the control link.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(Zeroizing::new(bytes))
            }

            /// The bytes to send to the worker that they are for. Never log them.
            pub fn expose_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        /// Compares in constant time.
        impl PartialEq for $key {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(other.0.as_slice()).into()
            }
        }

        impl Eq for $key {}

        impl fmt::Debug for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($key), "(..)"))
            }
        })+
    };
}

key_of_bytes!(CalleeKey, PairKey);
