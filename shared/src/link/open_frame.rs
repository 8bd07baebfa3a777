//! The frame being filled: records are encoded straight into it, it is sealed in place when the
//! link's task hands it to the socket. Frames that are ready together travel together.

use std::collections::VecDeque;

/// Bytes kept free at the start of a frame for its length.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Room that a body leaves in its frame for the record's header and extension, bytes.
const HEADROOM_BYTES: usize = 256;

/// Buffers kept for use again; more are given back to the allocator.
const SPARE_MAX: usize = 2;

/// Largest capacity of a buffer that is kept, bytes: what a full frame grows to, so that bulk does
/// not ask the system for fresh pages again and again.
const SPARE_BYTES_MAX: usize = 1 << 19;

/// A frame that is complete and not yet sealed.
#[derive(Debug)]
pub(crate) struct PlainFrame {
    /// Room for the length, then the plaintext.
    pub(crate) bytes: Vec<u8>,
    /// Its place among this link's frames, from 1.
    pub(crate) sequence: u64,
}

/// The frame being filled and those that are full.
pub(crate) struct OpenFrame {
    open: Vec<u8>,
    sequence: u64,
    full: VecDeque<PlainFrame>,
    spare: Vec<Vec<u8>>,
    plain_bytes_max: usize,
    full_bytes: usize,
}

impl OpenFrame {
    pub(crate) fn new(plain_bytes_max: usize) -> Self {
        Self {
            open: Vec::new(),
            sequence: 1,
            full: VecDeque::new(),
            spare: Vec::new(),
            plain_bytes_max,
            full_bytes: 0,
        }
    }

    /// The buffer to append `len` bytes to, and the sequence of the frame they will travel in.
    pub(crate) fn room(&mut self, len: usize) -> (&mut Vec<u8>, u64) {
        let used = self.open.len().saturating_sub(LENGTH_BYTES);
        if used > 0 && used + len > self.plain_bytes_max {
            self.close();
        }
        if self.open.is_empty() {
            if self.open.capacity() == 0 {
                self.open = self.spare.pop().unwrap_or_default();
            }
            self.open.resize(LENGTH_BYTES, 0);
        }
        (&mut self.open, self.sequence)
    }

    fn close(&mut self) {
        if self.open.len() > LENGTH_BYTES {
            let bytes = std::mem::take(&mut self.open);
            self.full_bytes += bytes.len();
            self.full.push_back(PlainFrame { bytes, sequence: self.sequence });
            self.sequence += 1;
        }
    }

    /// The next frame to seal, the open one last.
    pub(crate) fn take(&mut self) -> Option<PlainFrame> {
        if self.full.is_empty() {
            self.close();
        }
        let frame = self.full.pop_front()?;
        self.full_bytes -= frame.bytes.len();
        Some(frame)
    }

    /// Largest body that fits one record of one frame, whatever its header.
    pub(crate) fn body_bytes_max(&self) -> usize {
        self.plain_bytes_max - HEADROOM_BYTES
    }

    /// Bytes that wait here to be sealed.
    pub(crate) fn bytes(&self) -> usize {
        self.full_bytes + self.open.len()
    }

    /// Gives a written buffer back for use again.
    pub(crate) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE_MAX && buffer.capacity() <= SPARE_BYTES_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Frees the buffers of a link that has been idle.
    pub(crate) fn release(&mut self) {
        self.spare = Vec::new();
        if self.open.is_empty() {
            self.open = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_fill_up_and_keep_their_order() {
        let mut frames = OpenFrame::new(10);
        for byte in 0..3_u8 {
            let (buffer, sequence) = frames.room(6);
            buffer.extend_from_slice(&[byte; 6]);
            assert_eq!(sequence, u64::from(byte) + 1);
        }
        let taken: Vec<_> = std::iter::from_fn(|| frames.take()).collect();
        assert_eq!(taken.len(), 3);
        assert!(taken.iter().enumerate().all(|(n, frame)| {
            frame.sequence == n as u64 + 1 && frame.bytes[LENGTH_BYTES..] == [n as u8; 6]
        }));
        assert_eq!(frames.bytes(), 0);
    }
}
