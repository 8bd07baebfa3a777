//! Secrets of a mesh and what derives from them: the mesh secret (made by `meshwork keygen`), join
//! keys (one worker name each), link secrets (made by the master), and the pre-shared keys that the
//! handshake mixes in.
//!
//! * `mesh.rs`: [`MeshSecret`], the root that the operator makes and rotates
//! * `join.rs`: [`JoinKey`], what a worker is deployed with
//! * `link.rs`: [`LinkSecret`], what admitted workers dial each other with
//! * `psk.rs`: [`Psk`], its public name [`PskId`], and [`PskRing`] of the two active ones
//! * `text.rs`: the checked text form that all keys share

mod join;
mod link;
mod mesh;
mod psk;
#[cfg(test)]
mod tests;
mod text;

pub use join::JoinKey;
pub use link::LinkSecret;
pub use mesh::MeshSecret;
pub use psk::{LinkKind, Psk, PskId, PskRing};
pub use text::{SecretError, TextKind};
pub(crate) use text::{decode, encode};
