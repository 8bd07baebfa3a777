//! Sockets of the simulator: the same code under virtual time and chosen faults.

use std::io;
use std::net::SocketAddr;

use turmoil::net::{TcpListener, TcpStream};

use super::{Listener, Stream};

pub(super) async fn listen(address: &str) -> io::Result<Listener> {
    TcpListener::bind(split(address)?).await.map(Listener::Simulated)
}

pub(super) async fn dial(address: &str) -> io::Result<Stream> {
    TcpStream::connect(split(address)?).await.map(Stream::Simulated)
}

pub(super) async fn accept(listener: &TcpListener) -> io::Result<(Stream, SocketAddr)> {
    let (stream, from) = listener.accept().await?;
    Ok((Stream::Simulated(stream), from))
}

fn split(address: &str) -> io::Result<(&str, u16)> {
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    parts.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an address is host:port"))
}
