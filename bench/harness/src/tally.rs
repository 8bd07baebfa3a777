//! What a client counts: calls that came back, and how long some of them took.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::Outcome;
use crate::measurement::Measurement;
use crate::process;

/// Time before the window, in which buffers, caches and branch predictors settle.
const WARM_UP: Duration = Duration::from_millis(400);

/// With at least this many callers, only every [`TIMED_STRIDE`]th is timed: reading the clock twice
/// a call would be a good part of what a call costs, in the limit even more than in ours.
const TIME_ALL_BELOW: usize = 64;

/// See [`TIME_ALL_BELOW`].
const TIMED_STRIDE: usize = 16;

/// Largest latency that is told from larger ones, nanoseconds.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// Shared by all callers of a client. They run on one thread, hence plain loads and stores.
pub struct Tally {
    calls: AtomicU64,
    failed: AtomicU64,
    open: AtomicBool,
    latencies: Mutex<Histogram<u64>>,
    in_flight: usize,
}

impl Tally {
    /// Of a client that keeps so many calls in flight.
    ///
    /// # Errors
    /// The histogram has no such bounds; it always has.
    pub fn new(in_flight: usize) -> Outcome<Self> {
        Ok(Self {
            calls: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            open: AtomicBool::new(false),
            latencies: Mutex::new(Histogram::new_with_max(LATENCY_NS_MAX, 3)?),
            in_flight,
        })
    }

    /// Whether the calls of this caller are timed.
    pub fn times(&self, caller: usize) -> bool {
        self.in_flight < TIME_ALL_BELOW || caller.is_multiple_of(TIMED_STRIDE)
    }

    /// The time, for a caller that is timed.
    pub fn start(&self, caller: usize) -> Option<Instant> {
        self.times(caller).then(Instant::now)
    }

    /// A call came back.
    pub fn done(&self, started: Option<Instant>) {
        self.calls.store(self.calls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if let Some(started) = started
            && self.open.load(Ordering::Relaxed)
        {
            let took = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            latencies.saturating_record(took);
        }
    }

    /// A call came back, well or not. One that fails at once must not keep the thread for itself.
    pub async fn came_back(&self, started: Option<Instant>, well: bool) {
        if well {
            self.done(started);
        } else {
            self.failed.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    }

    /// Lets the callers warm up, then counts for `window`, with the processor time of this process
    /// and those of `servers`.
    ///
    /// # Errors
    /// A server is gone.
    pub async fn measure(&self, window: Duration, servers: &[u32]) -> Outcome<Measurement> {
        tokio::time::sleep(WARM_UP).await;
        let pids = [&[std::process::id()], servers].concat();
        let (cpu_before, calls_before) = (cpu(&pids)?, self.calls.load(Ordering::Relaxed));
        let started = Instant::now();
        self.open.store(true, Ordering::Relaxed);
        tokio::time::sleep(window).await;
        self.open.store(false, Ordering::Relaxed);
        let took = started.elapsed();
        let calls = self.calls.load(Ordering::Relaxed) - calls_before;
        let cpu = cpu(&pids)?.saturating_sub(cpu_before);
        let latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let us = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        Ok(Measurement {
            calls_per_s: calls as f64 / took.as_secs_f64(),
            p50_us: us(0.5),
            p99_us: us(0.99),
            p999_us: us(0.999),
            cpu_us_per_call: cpu.as_secs_f64() * 1e6 / calls.max(1) as f64,
            failed: self.failed.load(Ordering::Relaxed),
        })
    }
}

fn cpu(pids: &[u32]) -> std::io::Result<Duration> {
    pids.iter().map(|&pid| process::cpu_time(pid)).sum()
}
