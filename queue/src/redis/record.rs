//! Where a job stands, as the scripts write it down (see `scripts/base.lua`).

use bytes::Bytes;
use meshwork_shared::codec::Codec;

use crate::job::Attempt;
use crate::status::{JobStatus, Reply};

/// A record, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A live job or a dead letter.
    Kept(Kept),
    /// A job that is done, with what it answered.
    Done(Option<Reply>),
    /// A job that was canceled.
    Canceled,
}

/// Of a job that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    state: u8,
    attempt: u32,
    uncounted: u32,
    /// When its entry was made where it is now, unix milliseconds.
    placed_unix_ms: Option<u64>,
    rest: String,
}

impl Record {
    /// Reads a record; `None` for what no script writes.
    pub(super) fn parse(bytes: &Bytes) -> Option<Self> {
        match *bytes.first()? {
            b'c' => return Some(Self::Canceled),
            b'd' => return Some(Self::Done(parse_reply(bytes)?)),
            _ => {}
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let mut fields = text.splitn(7, ' ');
        let state = *fields.next()?.as_bytes().first()?;
        let (_max, _size) = (fields.next()?, fields.next()?);
        let (attempt, uncounted) = (fields.next()?, fields.next()?);
        let placed = fields.next()?;
        Some(Self::Kept(Kept {
            state,
            attempt: attempt.parse().ok()?,
            uncounted: uncounted.parse().ok()?,
            placed_unix_ms: placed.split('-').next()?.parse().ok(),
            rest: fields.next().unwrap_or_default().to_owned(),
        }))
    }

    /// What is told of the job; the history is that of its failures.
    pub(super) fn status(self, history: &[Attempt]) -> JobStatus {
        match self {
            Self::Done(reply) => JobStatus::Done { reply },
            Self::Canceled => JobStatus::Canceled,
            Self::Kept(kept) => kept.status(history),
        }
    }
}

impl Kept {
    /// Runs that count, the present one included.
    pub(super) fn attempts(&self) -> u32 {
        self.attempt.saturating_sub(self.uncounted)
    }

    /// Who runs it.
    pub(super) fn consumer(&self) -> Option<&str> {
        // Since when, who, and the name of the ask.
        let consumer = self.rest.split(' ').nth(1)?;
        (self.state == b'r').then_some(consumer)
    }

    /// Due time, start of the run, death, or when it became a waiting job.
    pub(super) fn since_unix_ms(&self) -> u64 {
        let first = self.rest.split(' ').next().and_then(|number| number.parse().ok());
        first.or(self.placed_unix_ms).unwrap_or_default()
    }

    fn status(&self, history: &[Attempt]) -> JobStatus {
        let since_unix_ms = self.since_unix_ms();
        match self.state {
            b's' | b'l' => {
                JobStatus::Scheduled { due_unix_ms: since_unix_ms, attempts: self.attempts() }
            }
            b'r' => JobStatus::Running {
                consumer: self.consumer().unwrap_or_default().to_owned(),
                attempt: self.attempt,
                since_unix_ms,
            },
            b'x' => {
                let last = history.last();
                JobStatus::Dead {
                    error: last.map(|last| last.error.to_string()).unwrap_or_default(),
                }
            }
            _ => JobStatus::Waiting,
        }
    }
}

/// `d`, attempt, time, and what follows the second space: nothing, or codec and body of a reply.
fn parse_reply(bytes: &Bytes) -> Option<Option<Reply>> {
    let mut spaces = bytes.iter().enumerate().filter(|(_, byte)| **byte == b' ');
    let second = spaces.nth(1)?.0;
    let reply = bytes.slice(second + 1..);
    let Some(codec) = reply.first() else { return Some(None) };
    let codec = Codec::from_wire(codec.checked_sub(b'0')?)?;
    Some(Some(Reply { codec, body: reply.slice(1..) }))
}

/// A reply as [`Record::parse`] reads it behind attempt and time.
pub(super) fn reply_bytes(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + reply.body.len());
    out.push(b'0' + reply.codec.wire());
    out.extend_from_slice(&reply.body);
    out
}

/// A history as the scripts keep it.
pub(super) fn parse_history(bytes: &[u8]) -> Vec<Attempt> {
    serde_json::from_slice(bytes).unwrap_or_default()
}
