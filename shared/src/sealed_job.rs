//! The bytes of a job in a store that others can write to: arguments and reply, sealed under the
//! key of one caller and one command.
//!
//! ```text
//! sealed = 1 | epoch u64 | nonce 24 | XChaCha20-Poly1305(arguments or reply) | tag 16
//! ```
//!
//! The nonce is random: nothing counts across the processes that share a key, and 24 bytes are
//! enough that none repeats. The associated data are the nine bytes before the nonce and everything
//! of the entry that must not be changed by who has access to the store ([`JobFacts`],
//! [`ReplyFacts`]), so that an entry opens only as the job that it was sealed as. Together they are
//! the [`Associated`] data.

use std::fmt;
use std::time::Duration;

use meshwork_schema::{CommandName, WorkerName};
use thiserror::Error;

use crate::aead::{TAG_BYTES, extended};
use crate::codec::Codec;
use crate::ids::JobId;
use crate::secret::PairKey;

pub use crate::aead::extended::NONCE_BYTES;

/// Which form of sealed bytes this is.
const VERSION: u8 = 1;

/// Bytes of the version and the epoch.
const HEAD_BYTES: usize = 1 + 8;

/// Bytes that sealing adds.
pub const OVERHEAD_BYTES: usize = HEAD_BYTES + NONCE_BYTES + TAG_BYTES;

/// Names the purpose of what [`JobFacts`] gives.
const JOB_LABEL: &[u8] = b"mesh/queue/job/v1\0";

/// Names the purpose of what [`ReplyFacts`] gives.
const REPLY_LABEL: &[u8] = b"mesh/queue/reply/v1\0";

/// Room for what most jobs are, so that their associated data are allocated once.
const ASSOCIATED_BYTES: usize = 256;

/// What the seal of a job's arguments vouches for beside them. When the job runs is not among it:
/// the store keeps that by its own clock.
#[derive(Clone, Debug)]
pub struct JobFacts<'a> {
    /// The queue by its full name, in pieces that follow each other: an entry copied to another
    /// queue does not open.
    pub queue: &'a [&'a str],
    /// The job.
    pub id: JobId,
    /// Worker and variant that called.
    pub caller: (&'a str, &'a str),
    /// How the arguments are encoded.
    pub codec: Codec,
    /// A number for each priority.
    pub priority: u8,
    /// Runs before it is dead-lettered, if the job says.
    pub attempts: Option<u32>,
    /// How long one run may take, if the job says; whole milliseconds count.
    pub run_timeout: Option<Duration>,
    /// Dedupe key and its window; whole milliseconds count.
    pub dedupe: Option<(&'a str, Duration)>,
    /// The trace that it belongs to.
    pub trace: Option<&'a [u8]>,
}

/// What the seal of a reply vouches for beside it.
#[derive(Clone, Debug)]
pub struct ReplyFacts<'a> {
    /// The queue by its full name, in pieces that follow each other.
    pub queue: &'a [&'a str],
    /// The job.
    pub id: JobId,
    /// The worker that called.
    pub caller: &'a str,
    /// How the reply is encoded.
    pub codec: Codec,
}

/// The bytes are none that were sealed with this key as this job: changed, moved, or made up. Do
/// not retry, and do not use them.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the seal does not hold")]
pub struct SealBroken;

/// What a seal vouches for beside the sealed bytes: the epoch, and the facts of the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Associated(Vec<u8>);

impl Associated {
    fn new(epoch: u64, label: &[u8]) -> Self {
        let mut out = Vec::with_capacity(ASSOCIATED_BYTES);
        out.push(VERSION);
        out.extend_from_slice(&epoch.to_be_bytes());
        out.extend_from_slice(label);
        Self(out)
    }

    /// What stands before the nonce.
    fn head(&self) -> &[u8] {
        &self.0[..HEAD_BYTES]
    }

    /// The bytes behind the epoch: the facts alone.
    pub fn facts(&self) -> &[u8] {
        &self.0[HEAD_BYTES..]
    }
}

/// Seals `body`. `nonce` must be fresh random bytes.
///
/// ```
/// use meshwork_shared::codec::Codec;
/// use meshwork_shared::ids::JobId;
/// use meshwork_shared::random::Random;
/// use meshwork_shared::sealed_job::{self, ReplyFacts};
/// use meshwork_shared::secret::PairKey;
///
/// let key = PairKey::from_bytes([7; 32]);
/// let (queue, id) = (["thumbnailer.resize"], JobId([1; 16]));
/// let facts = ReplyFacts { queue: &queue, id, caller: "gateway", codec: Codec::Json };
/// let associated = facts.associated(5);
/// let sealed = sealed_job::seal(&key, &associated, b"42", Random::system().bytes());
/// assert_eq!(sealed_job::epoch_of(&sealed), Some(5));
/// assert_eq!(sealed_job::open(&key, &associated, &sealed).as_deref(), Ok(b"42".as_slice()));
/// assert!(sealed_job::open(&PairKey::from_bytes([8; 32]), &associated, &sealed).is_err());
/// ```
pub fn seal(
    key: &PairKey,
    associated: &Associated,
    body: &[u8],
    nonce: [u8; NONCE_BYTES],
) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(OVERHEAD_BYTES + body.len());
    sealed.extend_from_slice(associated.head());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(body);
    let text = &mut sealed[HEAD_BYTES + NONCE_BYTES..];
    let tag = extended::seal_in_place(key.expose_bytes(), &nonce, &associated.0, text);
    sealed.extend_from_slice(&tag);
    sealed
}

/// The epoch of the root that these bytes say to be sealed under; `None` if they are no sealed
/// bytes at all.
pub fn epoch_of(sealed: &[u8]) -> Option<u64> {
    let (version, rest) = sealed.split_first()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    (*version == VERSION && rest.len() >= NONCE_BYTES + TAG_BYTES)
        .then_some(u64::from_be_bytes(*epoch))
}

/// Opens what [`seal`] made with the same key, epoch and facts.
///
/// # Errors
/// [`SealBroken`].
pub fn open(key: &PairKey, associated: &Associated, sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
    let (head, rest) = sealed.split_first_chunk::<HEAD_BYTES>().ok_or(SealBroken)?;
    if head != associated.head() {
        return Err(SealBroken);
    }
    let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealBroken)?;
    let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(SealBroken)?;
    let mut body = text.to_vec();
    if cfg!(mutate = "job_seal") {
        // The mutation check: a stream cipher opens by sealing once more, tag or no tag.
        let sealed = self::seal(key, associated, &body, *nonce);
        return Ok(sealed[HEAD_BYTES + NONCE_BYTES..][..body.len()].to_vec());
    }
    extended::open_in_place(key.expose_bytes(), nonce, &associated.0, &mut body, tag)
        .map_err(|_| SealBroken)?;
    Ok(body)
}

impl JobFacts<'_> {
    /// These facts of an entry sealed under a key of `epoch`.
    pub fn associated(&self, epoch: u64) -> Associated {
        let mut associated = Associated::new(epoch, JOB_LABEL);
        let out = &mut associated.0;
        pieces(out, self.queue);
        out.extend_from_slice(&self.id.0);
        text(out, self.caller.0.as_bytes());
        text(out, self.caller.1.as_bytes());
        out.extend_from_slice(&[self.codec.wire(), self.priority]);
        option(out, self.attempts, |out, attempts| {
            out.extend_from_slice(&attempts.to_be_bytes());
        });
        option(out, self.run_timeout, milliseconds);
        option(out, self.dedupe, |out, (key, window)| {
            text(out, key.as_bytes());
            milliseconds(out, window);
        });
        option(out, self.trace, text);
        associated
    }
}

impl ReplyFacts<'_> {
    /// These facts of a reply sealed under a key of `epoch`.
    pub fn associated(&self, epoch: u64) -> Associated {
        let mut associated = Associated::new(epoch, REPLY_LABEL);
        let out = &mut associated.0;
        pieces(out, self.queue);
        out.extend_from_slice(&self.id.0);
        text(out, self.caller.as_bytes());
        out.push(self.codec.wire());
        associated
    }
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// One text, in pieces.
fn pieces(out: &mut Vec<u8>, pieces: &[&str]) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.extend_from_slice(&(length as u64).to_be_bytes());
    pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

fn option<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        write(out, value);
    }
}

fn milliseconds(out: &mut Vec<u8>, duration: Duration) {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    out.extend_from_slice(&milliseconds.to_be_bytes());
}

/// The name of a key, as entries carry it: `1800000000000:gateway>thumbnailer.resize`. For people,
/// and to find the key; it proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName<'a> {
    /// The epoch of its root.
    pub epoch: u64,
    /// Who seals with it.
    pub caller: &'a WorkerName,
    /// Whose command.
    pub callee: &'a WorkerName,
    /// Which command.
    pub command: &'a CommandName,
}

impl fmt::Display for KeyName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, caller, callee, command } = self;
        write!(f, "{epoch}:{caller}>{callee}.{command}")
    }
}
