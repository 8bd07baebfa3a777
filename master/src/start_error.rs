//! Why a master does not start.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::state::StateError;

/// Why a master does not start. The operator's to mend; nothing of it runs.
#[derive(Debug, Error)]
pub enum StartError {
    /// The state folder or a file in it cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The schema is longer than what a worker takes. Split the mesh.
    #[error("the schema has {bytes} bytes in canonical form, at most {limit} are allowed")]
    SchemaTooLarge {
        /// Bytes of its canonical form.
        bytes: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// The mesh port is taken, or the address is none of this machine.
    #[error("cannot listen for workers at {address}: {cause}")]
    MeshListen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The HTTP port is taken, or the address is none of this machine.
    #[error("cannot listen for HTTP at {address}: {cause}")]
    HttpListen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The store of queues cannot be used as it is configured.
    #[error("cannot use the queues at {address}: {cause}")]
    Queue {
        /// Its address, without a password.
        address: String,
        /// What is wrong.
        cause: String,
    },
    /// The system gives no thread.
    #[error("cannot start the thread of the master: {0}")]
    Thread(io::Error),
    /// It ended while it started: a fault in this program; its log has the cause.
    #[error("the master ended while it started")]
    Died,
}
