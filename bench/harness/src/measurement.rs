//! The figures of one window.

use serde::{Deserialize, Serialize};

/// Figures of one window, as a client tells them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Calls that came back, per second.
    pub calls_per_s: f64,
    /// Median time of a call, microseconds.
    pub p50_us: f64,
    /// Time within which 99 of 100 calls come back, microseconds.
    pub p99_us: f64,
    /// Time within which 999 of 1000 calls come back, microseconds.
    pub p999_us: f64,
    /// Processor time per call of both sides, and of what stands between them, microseconds.
    pub cpu_us_per_call: f64,
    /// Calls that did not come back well.
    pub failed: u64,
}
