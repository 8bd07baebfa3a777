//! Sealed frames, pure: bytes in a write buffer become a frame in place, and frames leave a read
//! buffer opened in place. No sockets, and neither an allocation nor a copy per frame.
//!
//! ```text
//! frame = u32 L | ciphertext | tag 16          16 <= L <= largest + 16, big-endian
//! ```
//!
//! The four bytes of `L` are the associated data, and the nonce is a counter that is never sent:
//! a frame that is changed, lost, doubled, or moved breaks the next one opened. Each direction has
//! a key of its own, replaced by Noise's `REKEY` every 65 536 frames. What stands in a frame is
//! the business of the module `record`.

use std::ops::Range;

use bytes::{Buf, BufMut, BytesMut};

use crate::aead::{Aead, AeadKey, LinkCipher, TAG_BYTES, Tag};

#[cfg(test)]
mod tests;

/// Bytes of room that a frame needs before its plaintext.
pub const HEADER_BYTES: usize = 4;

/// Bytes that a frame has more than its plaintext.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// Frames between two changes of the key.
const REKEY_FRAMES: u64 = 1 << 16;

/// Frames that a link may carry in one direction before it must be made anew.
const FRAMES_MAX: u64 = 1 << 48;

/// Seals the frames of one direction of a link.
///
/// ```
/// use bytes::BytesMut;
/// use meshwork_shared::aead::AeadKey;
/// use meshwork_shared::frame::{HEADER_BYTES, Opener, Sealer};
///
/// let mut sealer = Sealer::new(&AeadKey::new([7; 32]));
/// let mut written = vec![0; HEADER_BYTES];
/// written.extend_from_slice(b"a record");
/// sealer.seal(&mut written, 0)?;
///
/// let mut opener = Opener::new(&AeadKey::new([7; 32]), 1024);
/// let mut read = BytesMut::from(&written[..]);
/// let frame = opener.next_frame(&mut read)?.expect("it is complete");
/// assert_eq!(&frame[..], b"a record");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sealer {
    chain: KeyChain,
}

/// All counters of this direction are used up. Nothing was sealed and nothing can be: dial again.
/// A link that watches [`Sealer::frames_left`] closes before it gets here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link has carried all the frames that its keys allow")]
pub struct Exhausted;

impl Sealer {
    /// Starts at frame 0 under the sending key of a handshake.
    pub fn new(key: &AeadKey) -> Self {
        Self::starting_at(key, 0)
    }

    /// As if `counter` frames had gone before, with `key` the one in force at that point. Only
    /// tests of the borders need this: a key must never see the same counter twice.
    pub fn starting_at(key: &AeadKey, counter: u64) -> Self {
        Self { chain: KeyChain::starting_at(key, counter) }
    }

    /// Turns `buffer[frame_start..]`, which holds [`HEADER_BYTES`] of room and then the plaintext,
    /// into a frame in place, and appends the tag. What stands before `frame_start` is untouched.
    /// The caller keeps the plaintext within what the peer takes.
    ///
    /// # Errors
    /// [`Exhausted`]; the buffer is unchanged.
    ///
    /// # Panics
    /// If `buffer` has no room for the header after `frame_start`, or a plaintext of 4 GiB.
    pub fn seal<B: AsMut<[u8]> + BufMut>(
        &mut self,
        buffer: &mut B,
        frame_start: usize,
    ) -> Result<(), Exhausted> {
        let (cipher, counter) = self.chain.advance()?;
        let (header, text) = buffer.as_mut()[frame_start..].split_at_mut(HEADER_BYTES);
        let length = u32::try_from(text.len() + TAG_BYTES).expect("a frame is below 4 GiB");
        header.copy_from_slice(&length.to_be_bytes());
        let tag = cipher.seal_in_place(counter, header, text);
        buffer.put_slice(&tag);
        Ok(())
    }

    /// Frames that may still be sealed. With one left, that one must carry the close.
    pub fn frames_left(&self) -> u64 {
        FRAMES_MAX - self.chain.counter
    }
}

/// Opens the frames of one direction of a link. After an error it is dead and repeats the error:
/// what follows a bad frame cannot be trusted.
#[derive(Debug)]
pub struct Opener {
    chain: KeyChain,
    lengths: Range<u32>,
    failed: Option<FrameError>,
}

/// Why the bytes of a peer are no frame. Each ends the link; calls in flight are of unknown
/// outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is below a tag or above what was agreed: the peer is faulty, or bytes were
    /// changed on the way. Seen before a byte is reserved for the frame.
    #[error("a frame of {length} bytes is out of bounds")]
    Length {
        /// What the header said, bytes.
        length: u32,
    },
    /// The tag does not fit: bytes were changed, dropped, repeated or moved on the way.
    #[error("a frame's seal does not hold")]
    Seal,
    /// More frames came than the keys of a link allow; the peer should have closed before.
    #[error("the link has carried all the frames that its keys allow")]
    Exhausted,
}

impl FrameError {
    /// A short label for counters and rate-limited logs.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Length { .. } => "frame_length",
            Self::Seal => "frame_seal",
            Self::Exhausted => "frame_exhausted",
        }
    }
}

impl Opener {
    /// Starts at frame 0 under the receiving key of a handshake. `frame_bytes_max` is the largest
    /// plaintext that this end announced to take.
    pub fn new(key: &AeadKey, frame_bytes_max: usize) -> Self {
        Self::starting_at(key, frame_bytes_max, 0)
    }

    /// As if `counter` frames had gone before, with `key` the one in force at that point. Only
    /// tests of the borders need this.
    pub fn starting_at(key: &AeadKey, frame_bytes_max: usize, counter: u64) -> Self {
        let longest = u32::try_from(frame_bytes_max.saturating_add(TAG_BYTES)).unwrap_or(u32::MAX);
        Self {
            chain: KeyChain::starting_at(key, counter),
            lengths: TAG_BYTES as u32..longest.saturating_add(1),
            failed: None,
        }
    }

    /// Takes the next complete frame out of `input` and gives its plaintext, opened where it lay:
    /// a view of the same memory. `None`: more bytes are needed, and `input` is untouched.
    ///
    /// # Errors
    /// [`FrameError`], again and again from then on.
    pub fn next_frame(&mut self, input: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let opened = self.try_next(input);
        self.failed = opened.as_ref().err().copied();
        opened
    }

    fn try_next(&mut self, input: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        let Some(header) = input.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*header);
        if !self.lengths.contains(&length) {
            return Err(FrameError::Length { length });
        }
        let end = HEADER_BYTES + length as usize;
        if input.len() < end {
            return Ok(None);
        }
        let mut frame = input.split_to(end);
        self.open(&mut frame)?;
        frame.truncate(end - TAG_BYTES);
        frame.advance(HEADER_BYTES);
        Ok(Some(frame))
    }

    fn open(&mut self, frame: &mut [u8]) -> Result<(), FrameError> {
        let (cipher, counter) = self.chain.advance().map_err(|Exhausted| FrameError::Exhausted)?;
        let (header, sealed) = frame.split_at_mut(HEADER_BYTES);
        let (text, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(FrameError::Seal)?;
        let tag: &Tag = tag;
        cipher.open_in_place(counter, header, text, tag).map_err(|_| FrameError::Seal)
    }
}

/// The key in force and the number of the next frame.
#[derive(Debug)]
struct KeyChain {
    cipher: LinkCipher,
    counter: u64,
}

impl KeyChain {
    fn starting_at(key: &AeadKey, counter: u64) -> Self {
        Self { cipher: LinkCipher::new(key), counter }
    }

    /// The cipher and the counter for the next frame, which are then used up.
    fn advance(&mut self) -> Result<(&LinkCipher, u64), Exhausted> {
        let counter = self.counter;
        if counter >= FRAMES_MAX {
            return Err(Exhausted);
        }
        if counter > 0 && counter.is_multiple_of(REKEY_FRAMES) {
            self.cipher.rekey();
        }
        self.counter = counter + 1;
        Ok((&self.cipher, counter))
    }
}
