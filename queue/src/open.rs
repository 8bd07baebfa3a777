//! Picks the backend that an address names.

use std::sync::Arc;

use meshwork_shared::clock::Clock;
use meshwork_shared::ids::MeshId;
use meshwork_shared::random::Random;
use thiserror::Error;

use crate::backend::QueueBackend;
use crate::memory::MemoryBackend;

/// Why an address is no store of queues. Never shows a password.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It begins like none that is known. The fault of whoever wrote it.
    #[error(
        "queues are kept in memory, redis://host, rediss://host, redis+cluster://host,host, \
         redis+sentinel://host,host/master (the same with valkey), or file:/path"
    )]
    Unknown,
    /// This program was built without the feature that brings the backend.
    #[error("this program was built without the feature `{feature}` of its queues")]
    Missing {
        /// The feature.
        feature: &'static str,
    },
    /// The file cannot be used.
    #[cfg(feature = "file")]
    #[error(transparent)]
    File(#[from] crate::file::FileOpenError),
    /// The address of a server is not written well, or names a certificate that is not.
    #[error("the address of the queues: {message}")]
    Redis {
        /// What is wrong.
        message: String,
    },
}

/// The backend that an address names: `memory`; a server, such as
/// `redis://[user:password@]host[:port][/db][?prefix=NAME]`; or `file:` and a path.
///
/// A file is opened; a server is connected to when its queues are first used, so that a process
/// starts while it is away. In a server, `mesh` keeps the queues of several meshes apart.
///
/// # Errors
/// [`OpenError`]; nothing was opened.
///
/// # Example
/// ```
/// use meshwork_queue::{Scope, open};
/// use meshwork_shared::{clock::Clock, ids::MeshId, random::Random};
///
/// let mesh = MeshId([0; 16]);
/// let backend = open("memory", mesh, Random::system(), Clock::system())?;
/// assert_eq!(backend.scope(), Scope::Process);
/// assert!(open("rabbit://queue", mesh, Random::system(), Clock::system()).is_err());
/// # Ok::<(), meshwork_queue::OpenError>(())
/// ```
pub fn open(
    address: &str,
    mesh: MeshId,
    random: Random,
    clock: Clock,
) -> Result<Arc<dyn QueueBackend>, OpenError> {
    if address == "memory" {
        return Ok(Arc::new(MemoryBackend::new(random, clock)));
    }
    if address.starts_with("file:") {
        return open_file(address, random, clock);
    }
    if ["redis", "valkey"].iter().any(|name| address.starts_with(name)) {
        return open_redis(address, mesh, random);
    }
    Err(OpenError::Unknown)
}

#[cfg(feature = "file")]
fn open_file(
    address: &str,
    random: Random,
    clock: Clock,
) -> Result<Arc<dyn QueueBackend>, OpenError> {
    let options: crate::file::FileOptions = address.parse()?;
    Ok(Arc::new(crate::file::FileBackend::open(options, random, clock)?))
}

#[cfg(not(feature = "file"))]
fn open_file(_: &str, _: Random, _: Clock) -> Result<Arc<dyn QueueBackend>, OpenError> {
    Err(OpenError::Missing { feature: "file" })
}

#[cfg(feature = "redis")]
fn open_redis(
    address: &str,
    mesh: MeshId,
    random: Random,
) -> Result<Arc<dyn QueueBackend>, OpenError> {
    let url: crate::redis::RedisUrl =
        address.parse().map_err(|error: crate::redis::RedisUrlError| OpenError::Redis {
            message: error.to_string(),
        })?;
    let backend = crate::redis::RedisBackend::new(&url, mesh, random);
    Ok(Arc::new(backend.map_err(|message| OpenError::Redis { message })?))
}

#[cfg(not(feature = "redis"))]
fn open_redis(_: &str, _: MeshId, _: Random) -> Result<Arc<dyn QueueBackend>, OpenError> {
    Err(OpenError::Missing { feature: "redis" })
}
