//! Both halves of one connection: messages go in and come out, sealed in batches on the way.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BytesMut;
use meshwork_shared::aead::AeadKey;
use meshwork_shared::frame::{HEADER_BYTES, Opener, Sealer};
use meshwork_shared::net::Stream;
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::{FRAME_BYTES_MAX, MESSAGE_HEADER_BYTES};

/// Bytes asked of the socket at a time.
const READ_BYTES: usize = 256 << 10;

/// Messages on their way out.
pub(super) struct Outgoing {
    sealer: Sealer,
    bytes: Vec<u8>,
    written: usize,
    /// Where the frame being filled begins, if there is one.
    frame: Option<usize>,
}

/// One connection.
pub(super) struct Pump {
    stream: Stream,
    opener: Opener,
    input: BytesMut,
    pub(super) out: Outgoing,
    /// Messages after which what is there is written, though more have been read.
    piece: usize,
}

impl Outgoing {
    /// Adds a message to the batch.
    pub(super) fn push(&mut self, caller: u32, body: &[u8]) -> io::Result<()> {
        let len = MESSAGE_HEADER_BYTES + body.len();
        if self.frame.is_some_and(|start| self.bytes.len() - start + len > FRAME_BYTES_MAX) {
            self.seal()?;
        }
        if self.frame.is_none() {
            self.frame = Some(self.bytes.len());
            self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
        }
        let mut header = [0; MESSAGE_HEADER_BYTES];
        header[..4].copy_from_slice(&(body.len() as u32).to_be_bytes());
        header[4..].copy_from_slice(&caller.to_be_bytes());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(body);
        Ok(())
    }

    fn seal(&mut self) -> io::Result<()> {
        let Some(start) = self.frame.take() else { return Ok(()) };
        self.sealer.seal(&mut self.bytes, start).map_err(io::Error::other)
    }

    /// Seals and writes until nothing is left or the socket takes no more; true if it took some.
    fn poll_write(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> io::Result<bool> {
        self.seal()?;
        let mut moved = false;
        while self.written < self.bytes.len() {
            match Pin::new(&mut *stream).poll_write(cx, &self.bytes[self.written..]) {
                Poll::Ready(len) => self.written += len?,
                Poll::Pending => return Ok(moved),
            }
            moved = true;
        }
        self.bytes.clear();
        self.written = 0;
        Ok(moved)
    }
}

impl Pump {
    /// Whatever was read together is answered together, or in pieces of so many messages: so both
    /// ends work at once, for a write and a seal more for each piece.
    pub(super) fn new(
        stream: Stream,
        send_key: &AeadKey,
        receive_key: &AeadKey,
        piece: Option<usize>,
    ) -> Self {
        let sealer = Sealer::new(send_key);
        Self {
            stream,
            opener: Opener::new(receive_key, FRAME_BYTES_MAX),
            input: BytesMut::new(),
            out: Outgoing { sealer, bytes: Vec::new(), written: 0, frame: None },
            piece: piece.unwrap_or(usize::MAX),
        }
    }

    /// Writes, reads, and hands every message to `take`, which may answer into [`Outgoing`], until
    /// the socket has nothing more. Ready only when the connection is over.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(u32, &[u8], &mut Outgoing) -> io::Result<()>,
    ) -> Poll<io::Error> {
        loop {
            let wrote = match self.out.poll_write(cx, &mut self.stream) {
                Ok(wrote) => wrote,
                Err(error) => return Poll::Ready(error),
            };
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(io::ErrorKind::UnexpectedEof.into()),
                Poll::Ready(Ok(_)) => {
                    if let Err(error) = self.open(cx, &mut take) {
                        return Poll::Ready(error);
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending if wrote => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.input.capacity() - self.input.len() < READ_BYTES / 2 {
            self.input.reserve(READ_BYTES);
        }
        // The future holds nothing but its arguments, so making it anew for each poll loses
        // nothing.
        pin!(self.stream.read_buf(&mut self.input)).poll(cx)
    }

    fn open(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(u32, &[u8], &mut Outgoing) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut taken = 0;
        while let Some(frame) = self.opener.next_frame(&mut self.input).map_err(io::Error::other)? {
            let mut rest = &frame[..];
            while let Some((header, after)) = rest.split_first_chunk::<MESSAGE_HEADER_BYTES>() {
                let [l0, l1, l2, l3, c0, c1, c2, c3] = *header;
                let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
                let (body, after) =
                    after.split_at_checked(len).ok_or(io::ErrorKind::InvalidData)?;
                take(u32::from_be_bytes([c0, c1, c2, c3]), body, &mut self.out)?;
                rest = after;
                taken += 1;
                if taken % self.piece == 0 {
                    self.out.poll_write(cx, &mut self.stream)?;
                }
            }
        }
        Ok(())
    }
}
