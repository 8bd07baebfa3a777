//! Bare streams: what Redis does for a queue at least. Pipelines of XADD on one connection, and on
//! another XREADGROUP of as many at most, acknowledged by one XACK.

use std::thread::sleep;
use std::time::Duration;

use meshwork_bench_harness::jobs::{Consumed, PAUSE, Produced, WARM_UP, unix_us};
use redis::{Client, Connection, RedisResult, Value, cmd, pipe};
use tokio::time::Instant;

use super::mesh::PAYLOAD;
use crate::{Outcome, child};

const STREAM: &str = "bare";
const GROUP: &str = "group";

/// How long a read waits, milliseconds; then nothing came for a while.
const BLOCK_MS: u64 = 300;

/// Adds for the warm-up and then for so long.
///
/// # Errors
/// The server is not there or went away.
pub(crate) fn producer(url: &str, seconds: f64, at_once: usize) -> Outcome {
    let mut connection = Client::open(url)?.get_connection()?;
    child::say(&true)?;
    let warm_up = burst(&mut connection, WARM_UP, at_once)?;
    sleep(PAUSE);
    let began_us = unix_us();
    let window = Duration::try_from_secs_f64(seconds)?;
    let jobs = burst(&mut connection, window, at_once)?;
    child::say(&Produced { warm_up, jobs, began_us, ended_us: unix_us(), failed: 0 })
}

fn burst(connection: &mut Connection, window: Duration, at_once: usize) -> RedisResult<u64> {
    let (until, mut jobs) = (Instant::now() + window, 0);
    while Instant::now() < until {
        let mut adding = pipe();
        for _ in 0..at_once {
            adding.cmd("XADD").arg(STREAM).arg("*").arg("j").arg(&PAYLOAD).ignore();
        }
        adding.query::<()>(connection)?;
        jobs += at_once as u64;
    }
    Ok(jobs)
}

/// Reads and acknowledges for as long as this process lives.
///
/// # Errors
/// The server is not there or went away.
pub(crate) fn worker(url: &str, at_once: usize) -> Outcome {
    let mut connection = Client::open(url)?.get_connection()?;
    let mut create = cmd("XGROUP");
    create.arg("CREATE").arg(STREAM).arg(GROUP).arg("0").arg("MKSTREAM");
    create.query::<()>(&mut connection)?;
    child::say(&true)?;
    let (mut jobs, mut ended_us, mut told) = (0, 0, 0);
    loop {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg("one").arg("COUNT").arg(at_once).arg("BLOCK");
        read.arg(BLOCK_MS).arg("STREAMS").arg(STREAM).arg(">");
        let ids = ids(read.query(&mut connection)?);
        if !ids.is_empty() {
            let mut acknowledge = cmd("XACK");
            acknowledge.arg(STREAM).arg(GROUP).arg(&ids);
            acknowledge.query::<()>(&mut connection)?;
            jobs += ids.len() as u64;
            ended_us = unix_us();
        } else if jobs > told {
            told = jobs;
            child::say(&Consumed { jobs, ended_us })?;
        }
    }
}

/// The ids of entries of one stream.
fn ids(answer: Value) -> Vec<Vec<u8>> {
    let Value::Array(streams) = answer else { return Vec::new() };
    let Some(Value::Array(stream)) = streams.into_iter().next() else { return Vec::new() };
    let Some(Value::Array(entries)) = stream.into_iter().nth(1) else { return Vec::new() };
    let id = |entry| match entry {
        Value::Array(entry) => match entry.into_iter().next() {
            Some(Value::BulkString(id)) => Some(id),
            _ => None,
        },
        _ => None,
    };
    entries.into_iter().filter_map(id).collect()
}
