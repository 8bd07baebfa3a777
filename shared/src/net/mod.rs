//! The one network seam: every socket of the project is opened here, so that the simulation can put
//! its own in their place.

#[cfg(feature = "simulation")]
mod simulated;
mod stream;
mod tcp;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;

pub use stream::{ReadHalf, Stream, WriteHalf};

/// Which sockets to open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Those of the operating system.
    #[default]
    Tcp,
    /// Those of the simulator; only inside one of its hosts.
    #[cfg(feature = "simulation")]
    Simulated,
}

/// Accepts connections.
pub enum Listener {
    /// On a socket of the operating system.
    Tcp(tokio::net::TcpListener),
    /// On a socket of the simulator.
    #[cfg(feature = "simulation")]
    Simulated(turmoil::net::TcpListener),
}

impl Network {
    /// Listens at `address` (`host:port`; port 0 lets the system choose).
    ///
    /// # Errors
    /// The address does not resolve or is taken.
    pub async fn listen(self, address: &str) -> io::Result<Listener> {
        match self {
            Self::Tcp => tcp::listen(address).await,
            #[cfg(feature = "simulation")]
            Self::Simulated => simulated::listen(address).await,
        }
    }

    /// Connects to `address` (`host:port`; a name is resolved).
    ///
    /// # Errors
    /// The address does not resolve, or nobody answers there. The wait is the caller's to bound.
    pub async fn dial(self, address: &str) -> io::Result<Stream> {
        match self {
            Self::Tcp => tcp::dial(address).await,
            #[cfg(feature = "simulation")]
            Self::Simulated => simulated::dial(address).await,
        }
    }
}

impl Listener {
    /// The next connection, and where it comes from.
    ///
    /// # Errors
    /// The system is out of something (files, memory); wait a little and accept again.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Self::Tcp(listener) => tcp::accept(listener).await,
            #[cfg(feature = "simulation")]
            Self::Simulated(listener) => simulated::accept(listener).await,
        }
    }

    /// Where it listens, with the port that was chosen.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            #[cfg(feature = "simulation")]
            Self::Simulated(listener) => listener.local_addr(),
        }
    }
}

/// By hand, since the simulator's has none.
impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.local_addr() {
            Ok(address) => write!(f, "Listener({address})"),
            Err(_) => f.write_str("Listener(broken)"),
        }
    }
}
