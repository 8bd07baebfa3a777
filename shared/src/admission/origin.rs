//! What a gate remembers of one prefix.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::gate::KnockId;
use super::rate::Taken;
use crate::limits::HandshakeLimits;

/// Time over which failures are counted.
const FAILURES_WINDOW: Duration = Duration::from_secs(60);

/// One prefix. Half-open connections are kept in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct Origin {
    pub(super) unproven: BTreeSet<KnockId>,
    pub(super) proven: BTreeSet<KnockId>,
    /// Taken by connections that have not shown a valid first message, and not come back yet.
    pub(super) taken: Taken,
    /// When it was last heard of, by the gate's own count.
    pub(super) heard: u64,
    failures: Option<Failures>,
    penalty: Option<Penalty>,
}

#[derive(Debug)]
struct Failures {
    since: Instant,
    count: u32,
}

#[derive(Debug)]
struct Penalty {
    until: Instant,
    length: Duration,
}

impl Origin {
    pub(super) fn has_open(&self) -> bool {
        !self.unproven.is_empty() || !self.proven.is_empty()
    }

    pub(super) fn is_penalised(&self, now: Instant) -> bool {
        self.penalty.as_ref().is_some_and(|penalty| now < penalty.until)
    }

    /// Counts a failed handshake. Those within a penalty are not counted: the flood that earned it
    /// would otherwise double it at once, again and again.
    pub(super) fn fail(&mut self, limits: &HandshakeLimits, now: Instant) {
        if self.is_penalised(now) {
            return;
        }
        let count = match &self.failures {
            Some(failures) if now < failures.since + FAILURES_WINDOW => failures.count + 1,
            _ => 1,
        };
        let since = match &self.failures {
            Some(failures) if count > 1 => failures.since,
            _ => now,
        };
        self.failures = Some(Failures { since, count });
        if count > limits.failures_per_minute_max {
            self.failures = None;
            self.penalise(limits, now);
        }
    }

    /// Doubles the last penalty, unless that is long past.
    fn penalise(&mut self, limits: &HandshakeLimits, now: Instant) {
        let length = match &self.penalty {
            Some(last) if now < last.until + limits.penalty_max => {
                last.length.saturating_mul(2).min(limits.penalty_max)
            }
            _ => limits.penalty_min,
        };
        self.penalty = Some(Penalty { until: now + length, length });
    }
}
