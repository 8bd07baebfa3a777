//! The sealing and writing half of a link. It stands behind a lock, because a process whose lane is
//! held up by a handler still says PONG from another thread ([`Writer::vouch`]).

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::open_frame::{LENGTH_BYTES, PlainFrame};
use crate::frame::{Exhausted, Sealer};
use crate::ids::CallId;
use crate::net::WriteHalf;
use crate::record::{self, Record, RecordType};

struct SealedFrame {
    bytes: Vec<u8>,
    /// 0 for a frame that the core knows nothing of.
    sequence: u64,
}

pub(crate) struct Writer {
    /// `None` once the link is over.
    half: Option<WriteHalf>,
    sealer: Sealer,
    queue: VecDeque<SealedFrame>,
    /// Bytes of the first frame that are written.
    written: usize,
    queued_bytes: usize,
    touched: u64,
    /// When a byte was last written, or the queue was last empty.
    progress_at: Instant,
}

impl Writer {
    pub(crate) fn new(half: WriteHalf, sealer: Sealer, now: Instant) -> Self {
        Self {
            half: Some(half),
            sealer,
            queue: VecDeque::new(),
            written: 0,
            queued_bytes: 0,
            touched: 0,
            progress_at: now,
        }
    }

    /// Seals a frame and queues it.
    pub(crate) fn push(&mut self, frame: PlainFrame, now: Instant) -> Result<(), Exhausted> {
        let PlainFrame { mut bytes, sequence } = frame;
        self.sealer.seal(&mut bytes, 0)?;
        if self.queue.is_empty() {
            self.progress_at = now;
        }
        self.queued_bytes += bytes.len();
        self.queue.push_back(SealedFrame { bytes, sequence });
        Ok(())
    }

    /// Writes until nothing is left or the socket takes no more; written buffers go to `spare`.
    pub(crate) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        mut spare: impl FnMut(Vec<u8>),
    ) -> Poll<io::Result<()>> {
        while let Some(frame) = self.queue.front() {
            let Some(half) = &mut self.half else { return Poll::Ready(Err(gone())) };
            match half.poll_write(cx, &frame.bytes[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(len)) => {
                    if let Some(buffer) = self.advance(len, now) {
                        spare(buffer);
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// `len` bytes went out; the buffer of the frame when it is done.
    fn advance(&mut self, len: usize, now: Instant) -> Option<Vec<u8>> {
        let frame = self.queue.front()?;
        self.touched = self.touched.max(frame.sequence);
        self.written += len;
        self.queued_bytes -= len;
        self.progress_at = now;
        if self.written < frame.bytes.len() {
            return None;
        }
        self.written = 0;
        self.queue.pop_front().map(|frame| frame.bytes)
    }

    /// Says PONG unasked, for a link whose task does not get to run. What the socket does not take
    /// at once waits for the task.
    pub(crate) fn vouch(&mut self, now: Instant) {
        if !self.queue.is_empty() {
            // Whatever waits to be written says more than a PONG; it is not the task that is slow.
            let _ = self.try_flush(now);
            return;
        }
        let mut bytes = vec![0; LENGTH_BYTES];
        record::encode(&Record::bare(RecordType::Pong, CallId(0)), &mut bytes);
        // An exhausted link is closed by its own task.
        if self.push(PlainFrame { bytes, sequence: 0 }, now).is_ok() {
            let _ = self.try_flush(now);
        }
    }

    fn try_flush(&mut self, now: Instant) -> io::Result<()> {
        while let Some(frame) = self.queue.front() {
            let half = self.half.as_ref().ok_or_else(gone)?;
            let len = half.try_write(&frame.bytes[self.written..])?;
            self.advance(len, now);
        }
        Ok(())
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half.as_mut().map_or(Poll::Ready(Ok(())), |half| half.poll_shutdown(cx))
    }

    /// Lets go of the socket, which handles of the link would keep open otherwise.
    pub(crate) fn hang_up(&mut self) {
        self.half = None;
        self.queue = VecDeque::new();
        self.queued_bytes = 0;
    }

    /// Bytes that wait for the socket.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Sequence of the last frame of which a byte was written.
    pub(crate) fn touched(&self) -> u64 {
        self.touched
    }

    /// Since when the socket has taken nothing, while something waits.
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        (!self.queue.is_empty()).then_some(self.progress_at)
    }

    /// Frames that may still be sealed.
    pub(crate) fn frames_left(&self) -> u64 {
        self.sealer.frames_left()
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
