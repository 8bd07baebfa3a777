//! A job as bytes.
//!
//! 16 bytes of id, the format's number, 4 bytes of length of the head (both read by the scripts
//! too), codec, priority, what is there of the rest, names, the rest; behind the head the
//! arguments. Numbers are big-endian.

use std::str::FromStr;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use bytestring::ByteString;
use meshwork_schema::{Variant, WorkerName};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;

use super::site::whole_ms;
use crate::job::{Dedupe, NewJob, Priority, Start};

/// The number of this format.
const VERSION: u8 = 1;

/// Where the length of the head stands.
const HEAD_BYTES_AT: usize = 17;

/// Room for the head of most jobs, so that a job is allocated once.
const HEAD_ROOM: usize = 192;

const HAS_TRACE: u8 = 1;
const HAS_KEY: u8 = 1 << 1;
const HAS_DEDUPE: u8 = 1 << 2;
const HAS_ATTEMPTS: u8 = 1 << 3;
const HAS_RUN_TIMEOUT: u8 = 1 << 4;
const STARTS_AFTER: u8 = 1 << 5;
const STARTS_AT: u8 = 1 << 6;

/// The bytes that are stored of a job.
pub(super) fn encode(job: &NewJob) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD_ROOM + job.body.len());
    out.put_slice(&job.id.0);
    out.put_u8(VERSION);
    out.put_u32(0);
    out.put_u8(job.codec.wire());
    out.put_u8(priority_number(job.priority));
    out.put_u8(flags(job));
    put_short(&mut out, job.caller.as_str().as_bytes());
    put_short(&mut out, job.caller_variant.as_str().as_bytes());
    match job.start {
        Start::Now => {}
        Start::After(wait) => out.put_u64(whole_ms(wait)),
        Start::At(unix_ms) => out.put_u64(unix_ms),
    }
    if let Some(trace) = &job.trace {
        put_long(&mut out, trace);
    }
    if let Some(key) = &job.key {
        put_long(&mut out, key.as_bytes());
    }
    if let Some(Dedupe { key, window }) = &job.dedupe {
        put_long(&mut out, key.as_bytes());
        out.put_u64(whole_ms(*window));
    }
    if let Some(attempts) = job.attempts {
        out.put_u32(attempts);
    }
    if let Some(run_timeout) = job.run_timeout {
        out.put_u64(whole_ms(run_timeout));
    }
    let head = u32::try_from(out.len()).unwrap_or(u32::MAX);
    out[HEAD_BYTES_AT..HEAD_BYTES_AT + 4].copy_from_slice(&head.to_be_bytes());
    out.put_slice(&job.body);
    out.freeze()
}

/// The caller that was read last: most jobs have the same one as the job before.
#[derive(Default)]
pub(super) struct Names {
    worker: Option<WorkerName>,
    variant: Option<Variant>,
}

/// The job that was stored; `None` for what this version did not write. A head alone is a job
/// without arguments.
pub(super) fn decode(stored: &Bytes) -> Option<NewJob> {
    decode_next(stored, &mut Names::default())
}

/// The same of one job of many.
pub(super) fn decode_next(stored: &Bytes, names: &mut Names) -> Option<NewJob> {
    let mut head_bytes = stored.get(HEAD_BYTES_AT..HEAD_BYTES_AT + 4)?;
    let head_bytes = usize::try_from(head_bytes.get_u32()).ok()?;
    let mut head = stored.get(..head_bytes)?;
    let mut id = [0; 16];
    head.try_copy_to_slice(&mut id).ok()?;
    if head.try_get_u8().ok()? != VERSION {
        return None;
    }
    head.try_get_u32().ok()?;
    let codec = Codec::from_wire(head.try_get_u8().ok()?)?;
    let priority = priority_of(head.try_get_u8().ok()?)?;
    let flags = head.try_get_u8().ok()?;
    let has = |flag: u8| flags & flag != 0;
    let caller = name(take_short(&mut head)?, &mut names.worker)?;
    let caller_variant = name(take_short(&mut head)?, &mut names.variant)?;
    let start = match (has(STARTS_AFTER), has(STARTS_AT)) {
        (false, false) => Start::Now,
        (true, false) => Start::After(take_ms(&mut head)?),
        (false, true) => Start::At(head.try_get_u64().ok()?),
        (true, true) => return None,
    };
    let trace = if has(HAS_TRACE) { Some(stored.slice_ref(take_long(&mut head)?)) } else { None };
    let key = match has(HAS_KEY) {
        true => Some(ByteString::try_from(stored.slice_ref(take_long(&mut head)?)).ok()?),
        false => None,
    };
    let dedupe = if has(HAS_DEDUPE) {
        Some(Dedupe { key: take_text(&mut head)?, window: take_ms(&mut head)? })
    } else {
        None
    };
    let attempts = if has(HAS_ATTEMPTS) { Some(head.try_get_u32().ok()?) } else { None };
    let run_timeout = if has(HAS_RUN_TIMEOUT) { Some(take_ms(&mut head)?) } else { None };
    Some(NewJob {
        id: JobId(id),
        caller,
        caller_variant,
        codec,
        body: stored.slice(head_bytes..),
        key,
        trace,
        start,
        priority,
        dedupe,
        attempts,
        run_timeout,
    })
}

/// The number by which scripts know a priority.
pub(super) fn priority_number(priority: Priority) -> u8 {
    match priority {
        Priority::High => 1,
        Priority::Normal => 2,
        Priority::Low => 3,
    }
}

fn priority_of(number: u8) -> Option<Priority> {
    match number {
        1 => Some(Priority::High),
        2 => Some(Priority::Normal),
        3 => Some(Priority::Low),
        _ => None,
    }
}

/// The name of this text: the one that was read last, or a new one.
fn name<N: Clone + AsRef<str> + FromStr>(text: &str, last: &mut Option<N>) -> Option<N> {
    if last.as_ref().is_none_or(|last| last.as_ref() != text) {
        *last = Some(text.parse().ok()?);
    }
    last.clone()
}

fn flags(job: &NewJob) -> u8 {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    flag(job.trace.is_some(), HAS_TRACE)
        | flag(job.key.is_some(), HAS_KEY)
        | flag(job.dedupe.is_some(), HAS_DEDUPE)
        | flag(job.attempts.is_some(), HAS_ATTEMPTS)
        | flag(job.run_timeout.is_some(), HAS_RUN_TIMEOUT)
        | flag(matches!(job.start, Start::After(_)), STARTS_AFTER)
        | flag(matches!(job.start, Start::At(_)), STARTS_AT)
}

/// Names are at most 64 bytes long.
fn put_short(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u8(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    out.put_slice(bytes);
}

fn put_long(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put_slice(bytes);
}

fn take<'a>(head: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = head.split_at_checked(count)?;
    *head = rest;
    Some(taken)
}

fn take_short<'a>(head: &mut &'a [u8]) -> Option<&'a str> {
    let count = head.try_get_u8().ok()?;
    std::str::from_utf8(take(head, count.into())?).ok()
}

fn take_long<'a>(head: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = head.try_get_u32().ok()?;
    take(head, usize::try_from(count).ok()?)
}

fn take_text(head: &mut &[u8]) -> Option<String> {
    String::from_utf8(take_long(head)?.to_vec()).ok()
}

fn take_ms(head: &mut &[u8]) -> Option<Duration> {
    head.try_get_u64().ok().map(Duration::from_millis)
}
