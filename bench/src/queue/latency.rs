//! From an enqueue to the start of the handler on a queue that is empty, beside a bare round trip
//! to the same server.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::arguments::{QueueArguments, Role};
use super::measure::Sample;
use super::site::Site;
use crate::Outcome;

/// What the pacer says of the bare round trips.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pings {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Jobs that it enqueued.
    pub(crate) jobs: u64,
}

/// What the worker says of its jobs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Starts {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) jobs: u64,
}

/// How long the processes may take beyond the time that is measured.
const MORE: Duration = Duration::from_secs(30);

/// Measures it.
///
/// # Errors
/// A process failed.
pub(crate) fn sample(site: &Site, arguments: &QueueArguments) -> Outcome<Sample> {
    // It says what it has when nothing came for a while.
    let mut worker = site.ready_role(Role::StampWorker, &[])?;
    let more = [("--seconds", arguments.seconds.to_string())];
    let mut pacer = site.ready_role(Role::Pacer, &more)?;
    let window = Duration::try_from_secs_f64(arguments.seconds)? + MORE;
    let pings: Pings = pacer.line_within(window)?;
    let starts: Starts = loop {
        let starts: Starts = worker.line_within(MORE)?;
        if starts.jobs >= pings.jobs {
            break starts;
        }
    };
    Ok(Sample::from([
        ("p50_us", starts.p50_us),
        ("p99_us", starts.p99_us),
        ("ping_p50_us", pings.p50_us),
        ("ping_p99_us", pings.p99_us),
        ("above_ping_p50_us", starts.p50_us - pings.p50_us),
    ]))
}
