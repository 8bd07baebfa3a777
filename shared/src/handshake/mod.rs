//! The handshake of every link, pure: bytes in, bytes out, and at the end two keys and the proven
//! node id of the peer. No sockets, no clock, no knowledge of tickets.
//!
//! ```text
//! dialer -> acceptor  preamble 16: "MSH1" | version 1 | kind | flags u16 = 0 | psk_id 8
//! Noise_XXpsk0_25519_ChaChaPoly_BLAKE2s, prologue = "mesh/noise/v1" | preamble
//! each message: u16 length (<= 1024) | bytes
//!   m1 -> psk, e             empty payload
//!   m2 <- e, ee, s, es       introduction of the acceptor
//!   m3 -> s, se              introduction of the dialer; frames may follow in the same segment
//! ```
//!
//! * [`Dialer`] and [`Acceptor`] are the two machines. They take their messages out of the
//!   caller's read buffer, whatever pieces it was filled in, leave there what follows (frames), and
//!   hand decisions back as steps. To refuse, drop the machine and close without a byte.
//! * [`Introduction`] is what each end tells of itself: its ticket and [`Parameters`]. Whether
//!   they are to be believed is for the caller to say; only the [`NodeId`](crate::ids::NodeId)
//!   beside them is proven.
//!
//! An acceptor answers nothing before the dialer has proven the pre-shared key, and an unknown key
//! id runs the same path as a wrong key. The dialer sees and judges the acceptor's introduction
//! before it shows anything of itself.
//!
//! Keys of our own keeping (node key, ephemeral, link keys, hash and cipher states) are wiped when
//! dropped. The crate `snow` keeps copies of the pre-shared key and of its chaining key that it
//! does not wipe.

mod acceptor;
mod dialer;
mod error;
mod introduction;
mod message;
mod noise;
mod parameters;
mod preamble;
mod reader;
mod resolver;

#[cfg(test)]
mod tests;

pub use acceptor::{Acceptor, AcceptorStep};
pub use dialer::{Dialer, DialerStep};
pub use error::HandshakeError;
pub use introduction::{Introduction, IntroductionError, Peer};
pub use message::READ_BYTES_MAX;
pub use noise::Established;
pub use parameters::{Joining, Parameters, SchemaKnown, Target};
pub use preamble::{PREAMBLE_BYTES, Preamble};
