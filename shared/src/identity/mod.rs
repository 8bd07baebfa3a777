//! Who a process is: the node key that every process has, the authority key that only the master
//! has, and the files that keep them.
//!
//! * `node.rs`: [`NodeKey`], X25519
//! * `authority.rs`: [`AuthorityKey`], Ed25519
//! * `authority_public.rs`: [`AuthorityPublic`], its hash and its short id
//! * `key_file.rs`: reading and creating files that only their owner may read

mod authority;
mod authority_public;
pub mod key_file;
mod node;
#[cfg(test)]
pub(crate) mod tests;

pub use authority::AuthorityKey;
pub use authority_public::{AuthorityHash, AuthorityId, AuthorityPublic, AuthorityPublicError};
pub use key_file::KeyFileError;
pub use node::{NodeKey, is_sound};
