//! One connection, whole or in its two halves.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// A connection.
#[derive(Debug)]
pub enum Stream {
    /// Of the operating system.
    Tcp(tokio::net::TcpStream),
    /// Of the simulator.
    #[cfg(feature = "simulation")]
    Simulated(turmoil::net::TcpStream),
}

/// The half that reads.
#[derive(Debug)]
pub enum ReadHalf {
    /// Of the operating system.
    Tcp(tokio::net::tcp::OwnedReadHalf),
    /// Of the simulator.
    #[cfg(feature = "simulation")]
    Simulated(turmoil::net::tcp::OwnedReadHalf),
}

/// The half that writes.
#[derive(Debug)]
pub enum WriteHalf {
    /// Of the operating system.
    Tcp(tokio::net::tcp::OwnedWriteHalf),
    /// Of the simulator.
    #[cfg(feature = "simulation")]
    Simulated(turmoil::net::tcp::OwnedWriteHalf),
}

impl Stream {
    /// Splits the connection.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Simulated(read), WriteHalf::Simulated(write))
            }
        }
    }

    /// Moves the connection to the runtime that will serve it, so that its readiness wakes no other
    /// thread. A simulated one belongs to its host already.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn rehome(self, runtime: &tokio::runtime::Handle) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => {
                let stream = stream.into_std()?;
                let _guard = runtime.enter();
                tokio::net::TcpStream::from_std(stream).map(Self::Tcp)
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Ok(Self::Simulated(stream)),
        }
    }

    /// Our own address on this connection.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr(),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => stream.local_addr(),
        }
    }
}

impl ReadHalf {
    /// Reads into the spare room of `buffer`; 0 at the end of the stream.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        // The future holds nothing but its arguments, so making it anew for each poll loses
        // nothing.
        match self {
            Self::Tcp(half) => pin!(half.read_buf(buffer)).poll(cx),
            #[cfg(feature = "simulation")]
            Self::Simulated(half) => pin!(half.read_buf(buffer)).poll(cx),
        }
    }
}

impl WriteHalf {
    /// Writes as much of `bytes` as the socket takes now.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_write(cx, bytes),
            #[cfg(feature = "simulation")]
            Self::Simulated(half) => Pin::new(half).poll_write(cx, bytes),
        }
    }

    /// Says that nothing more will be written.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            #[cfg(feature = "simulation")]
            Self::Simulated(half) => Pin::new(half).poll_shutdown(cx),
        }
    }

    /// Writes what the socket takes at once, from a thread that is not the link's own.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing; otherwise the socket is broken.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(bytes),
            // The simulation is one thread: no link can be held up while another runs.
            #[cfg(feature = "simulation")]
            Self::Simulated(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "simulation")]
            Self::Simulated(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
