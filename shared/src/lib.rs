//! What every Meshwork process runs, master and worker alike: identifiers, keys, the handshake,
//! sealed frames, links, and the messages that travel over them. It knows no actor and no user code.
#![forbid(unsafe_code)]

pub mod clock;
pub mod ids;
pub mod random;
