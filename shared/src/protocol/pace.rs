//! `pace`: how often the master wants reports. CAST of the master, only to workers that have sent
//! one, so that those of before the reports never see it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::limits::{PACE_MS_MAX, PACE_MS_MIN};

/// How often the master wants a [`Report`](super::Report): often while somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Milliseconds from one report to the next.
    pub report_every_ms: u64,
}

impl Pace {
    /// The wait between two reports, within what a worker goes along with.
    pub fn every(self) -> Duration {
        Duration::from_millis(self.report_every_ms.clamp(PACE_MS_MIN, PACE_MS_MAX))
    }
}

impl Default for Pace {
    /// Every 10 s: what a worker keeps to while nobody asks for more.
    fn default() -> Self {
        Self { report_every_ms: 10_000 }
    }
}
