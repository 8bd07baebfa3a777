//! Pre-shared keys of the handshake. A key is bound to the kind of link and to the mesh, so that
//! one of another kind or another mesh opens nothing.

use std::fmt;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::hkdf;
use crate::ids::MeshId;

/// Names the purpose of everything derived in this file.
const SALT: &[u8] = b"mesh/psk/v1";

/// What a link is for; the number is the one in the preamble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LinkKind {
    /// Between two workers: calls.
    Data = 1,
    /// Between a worker and the master: admission and the view.
    Control = 2,
}

impl LinkKind {
    /// The kind that `byte` of a preamble stands for; `None` for any other number.
    pub fn from_wire(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Data),
            2 => Some(Self::Control),
            _ => None,
        }
    }
}

/// Public name of a [`Psk`]: sent in the clear, may be logged, tells nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PskId(pub [u8; 8]);

impl fmt::Display for PskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PskId({self})")
    }
}

impl ConstantTimeEq for PskId {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// A pre-shared key with its public name.
#[derive(Clone)]
pub struct Psk {
    /// Its public name.
    pub id: PskId,
    /// The key itself; wiped when dropped.
    pub key: Zeroizing<[u8; 32]>,
}

impl Psk {
    /// Derives the key of `kind` in `mesh` from `secret`. Private to this module: what may be a
    /// secret is decided by the types beside it.
    pub(super) fn derive(kind: LinkKind, mesh: &MeshId, secret: &[u8; 32]) -> Self {
        let kind = [kind as u8];
        let id = hkdf::derive::<8>(SALT, secret, &[b"id", &kind, &mesh.0]);
        let key = hkdf::derive::<32>(SALT, secret, &[b"key", &kind, &mesh.0]);
        Self { id: PskId(*id), key }
    }
}

impl fmt::Debug for Psk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Psk({}, ..)", self.id)
    }
}

/// The active keys of one kind of link: the one that is dialed with and, during a rotation, the
/// previous one that is still accepted.
///
/// ```
/// use meshwork_shared::random::Random;
/// use meshwork_shared::secret::{LinkKind, MeshSecret, PskRing};
///
/// let old = MeshSecret::generate(&Random::system());
/// let new = old.generate_rotated(&Random::system());
/// let ring = PskRing::new(new.psk(LinkKind::Control), Some(old.psk(LinkKind::Control)));
/// assert!(ring.find(&old.psk(LinkKind::Control).id).is_some());
/// assert_eq!(ring.dial().id, new.psk(LinkKind::Control).id);
/// ```
#[derive(Clone, Debug)]
pub struct PskRing {
    current: Psk,
    previous: Option<Psk>,
}

impl PskRing {
    /// Dials with `current`; accepts it and `previous`.
    pub fn new(current: Psk, previous: Option<Psk>) -> Self {
        Self { current, previous }
    }

    /// The key to dial with.
    pub fn dial(&self) -> &Psk {
        &self.current
    }

    /// The active keys, the one to dial with first.
    pub fn iter(&self) -> impl Iterator<Item = &Psk> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The active key of that name. Every name is compared, in constant time, whichever matches.
    pub fn find(&self, id: &PskId) -> Option<&Psk> {
        let mut found = 0u8;
        for (position, psk) in self.iter().enumerate() {
            found.conditional_assign(&(position as u8 + 1), psk.id.ct_eq(id));
        }
        found.checked_sub(1).and_then(|position| self.iter().nth(usize::from(position)))
    }
}
