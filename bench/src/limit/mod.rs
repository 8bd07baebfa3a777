//! The bare encrypted echo: what one connection of two single-threaded processes can do before any
//! runtime is built on it. The same cipher, sealed frames and socket options as a link; messages
//! that are ready together are sealed and written together, no allocation per call.
//!
//! ```text
//! plaintext of a frame = one message or many;  message = u32 length | u32 caller | bytes
//! ```

mod client;
mod pump;
mod server;

pub(crate) use client::drive;
pub(crate) use server::serve;

use meshwork_shared::aead::AeadKey;

/// Bytes before the body of a message.
const MESSAGE_HEADER_BYTES: usize = 8;

/// Largest plaintext of a frame, bytes: that of a link.
const FRAME_BYTES_MAX: usize = 256 << 10;

/// Keys that a handshake would have made: of the client's direction, and of the server's.
fn keys() -> (AeadKey, AeadKey) {
    (AeadKey::new([1; 32]), AeadKey::new([2; 32]))
}
