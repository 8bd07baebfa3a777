//! Sockets of the operating system.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

use super::{Listener, Stream};

pub(super) async fn listen(address: &str) -> io::Result<Listener> {
    TcpListener::bind(address).await.map(Listener::Tcp)
}

pub(super) async fn dial(address: &str) -> io::Result<Stream> {
    prepare(TcpStream::connect(address).await?)
}

pub(super) async fn accept(listener: &TcpListener) -> io::Result<(Stream, SocketAddr)> {
    let (stream, from) = listener.accept().await?;
    Ok((prepare(stream)?, from))
}

/// Frames are batched by the link's task; waiting in the kernel for more would only add delay.
fn prepare(stream: TcpStream) -> io::Result<Stream> {
    stream.set_nodelay(true)?;
    Ok(Stream::Tcp(stream))
}
