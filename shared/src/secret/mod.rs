//! Secrets of a mesh and what derives from them: the mesh secret (made by `meshwork keygen`), join
//! keys (one worker name each), link secrets (made by the master), the pre-shared keys that the
//! handshake mixes in, and the queue root with the keys of queued jobs.
//!
//! * `mesh.rs`: [`MeshSecret`], the root that the operator makes and rotates
//! * `join.rs`: [`JoinKey`], what a worker is deployed with
//! * `link.rs`: [`LinkSecret`], what admitted workers dial each other with
//! * `psk.rs`: [`Psk`], its public name [`PskId`], and [`PskRing`] of the two active ones
//! * `queue.rs`: [`QueueRoot`], what only the master holds; [`CalleeKey`] and [`PairKey`], what
//!   jobs in a shared store are sealed with
//! * `text.rs`: the checked text form that all keys share

mod join;
mod link;
mod mesh;
mod psk;
mod queue;
#[cfg(test)]
mod tests;
mod text;

pub use join::JoinKey;
pub use link::LinkSecret;
pub use mesh::MeshSecret;
pub use psk::{LinkKind, Psk, PskId, PskRing};
pub use queue::{CalleeKey, PairKey, QueueRoot};
pub use text::{SecretError, TextKind};
pub(crate) use text::{decode, encode};
