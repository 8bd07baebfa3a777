//! Where to listen, for peers that cannot say which port they were given.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use meshwork_bench_harness::Outcome;

/// An address of this machine that nobody listens on just now.
///
/// # Errors
/// There is none.
pub(crate) fn free() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
