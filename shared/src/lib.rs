//! What every Meshwork process runs, master and worker alike: identifiers, keys, the handshake,
//! sealed frames, links, and the messages that travel over them. It knows no actor and no user
//! code.
#![forbid(unsafe_code)]

pub mod admission;
pub mod aead;
pub mod backoff;
pub mod clock;
pub mod codec;
pub mod config;
pub mod frame;
pub mod handshake;
pub mod hkdf;
pub mod identity;
pub mod ids;
pub mod limits;
pub mod link;
pub mod logging;
pub mod metrics;
pub mod net;
pub mod outcome;
pub mod protocol;
pub mod random;
pub mod record;
pub mod screen;
pub mod sealed_job;
pub mod secret;
pub mod signed_schema;
pub mod ticket;
