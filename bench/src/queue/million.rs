//! Whether a queue is as fast with a million waiting jobs as with none, and the worker no larger:
//! so many jobs are enqueued and then run, on an empty queue and behind a million.

use std::time::Duration;

use meshwork_bench_harness::jobs::Produced;
use serde::{Deserialize, Serialize};

use super::arguments::Role;
use super::measure::Sample;
use super::site::Site;
use crate::Outcome;
use crate::process::resident_bytes;

/// Jobs that wait.
const WAITING: u64 = 1_000_000;

/// Jobs of which the times are compared.
const COMPARED: u64 = 50_000;

/// How long storing may take.
const WITHIN: Duration = Duration::from_secs(600);

/// What a worker says once it has run as many jobs as were asked for.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ran {
    pub(crate) jobs: u64,
    /// When the first of them was started, unix microseconds.
    pub(crate) began_us: u64,
    /// When the last was acknowledged, unix microseconds.
    pub(crate) ended_us: u64,
}

/// What was seen of one queue.
struct Seen {
    enqueued_per_s: f64,
    run_per_s: f64,
    worker_bytes: f64,
}

/// Measures it.
///
/// # Errors
/// A process failed, or the queue has no room for a million jobs.
pub(crate) fn sample(site: &Site) -> Outcome<Sample> {
    let empty = see(site)?;
    let mut filler = site.ready_role(Role::Filler, &[("--jobs", WAITING.to_string())])?;
    let filled: Produced = filler.line_within(WITHIN)?;
    drop(filler);
    if filled.jobs < WAITING {
        return Err(format!("the queue took {} of {WAITING} jobs", filled.jobs).into());
    }
    let full = see(site)?;
    Ok(Sample::from([
        ("enqueue_per_s_empty", empty.enqueued_per_s),
        ("enqueue_per_s_million", full.enqueued_per_s),
        ("enqueue_ratio", full.enqueued_per_s / empty.enqueued_per_s),
        ("run_per_s_empty", empty.run_per_s),
        ("run_per_s_million", full.run_per_s),
        ("run_ratio", full.run_per_s / empty.run_per_s),
        ("worker_mib_empty", empty.worker_bytes / f64::from(1 << 20)),
        ("worker_mib_million", full.worker_bytes / f64::from(1 << 20)),
        ("worker_memory_ratio", full.worker_bytes / empty.worker_bytes),
    ]))
}

/// Enqueues jobs while nobody runs them, then runs as many.
fn see(site: &Site) -> Outcome<Seen> {
    let compared = ("--jobs", COMPARED.to_string());
    let mut producer = site.ready_role(Role::Counted, std::slice::from_ref(&compared))?;
    let produced: Produced = producer.line_within(WITHIN)?;
    drop(producer);
    let mut worker = site.ready_role(Role::LimitedWorker, &[compared])?;
    let ran: Ran = worker.line_within(WITHIN)?;
    let took = |from: u64, to: u64| to.saturating_sub(from).max(1) as f64 / 1e6;
    Ok(Seen {
        enqueued_per_s: produced.jobs as f64 / took(produced.began_us, produced.ended_us),
        run_per_s: ran.jobs as f64 / took(ran.began_us, ran.ended_us),
        worker_bytes: resident_bytes(worker.pid())? as f64,
    })
}
