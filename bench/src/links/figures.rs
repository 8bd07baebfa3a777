//! What measuring many links comes to.

use serde_json::{Value, json};

use super::MANY;
use crate::measurement::Spread;
use crate::target::{Bound, Target};

/// Figures of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Until the last of the many was linked, seconds.
    pub(crate) joined_s: f64,
    /// Of a core, of the one worker with all the links, while nothing is called.
    pub(crate) idle_cpu_percent: f64,
    /// What the memory of that worker grew by.
    pub(crate) worker_bytes_per_link: f64,
    /// What the memory of the process of the many workers grew by, for each of their links: one
    /// goes to the master, one to the one worker. All else that a worker is stands in it too.
    pub(crate) joiner_bytes_per_link: f64,
}

/// Figures of several runs.
pub(crate) struct Summary {
    runs: usize,
    joined_s: Spread,
    idle_cpu_percent: Spread,
    worker_kib_per_link: Spread,
    joiner_kib_per_link: Spread,
}

impl Summary {
    pub(crate) fn new(runs: &[Run]) -> Self {
        let spread = |figure: fn(&Run) -> f64| Spread::of(runs.iter().map(figure));
        Self {
            runs: runs.len(),
            joined_s: spread(|run| run.joined_s),
            idle_cpu_percent: spread(|run| run.idle_cpu_percent),
            worker_kib_per_link: spread(|run| run.worker_bytes_per_link / 1024.0),
            joiner_kib_per_link: spread(|run| run.joiner_bytes_per_link / 1024.0),
        }
    }

    fn targets(&self) -> [Target; 4] {
        let at_most =
            |figure, bound, reached| Target { figure, bound: Bound::AtMost(bound), reached };
        [
            at_most("joined s", 5.0, self.joined_s),
            at_most("idle cpu %", 2.0, self.idle_cpu_percent),
            at_most("KiB per link, one worker", 48.0, self.worker_kib_per_link),
            at_most("KiB per link, many workers", 48.0, self.joiner_kib_per_link),
        ]
    }

    /// A line of JSON; what a closed loop would have is null.
    pub(crate) fn as_json(&self, aead: &str) -> Value {
        json!({
            "what": "links", "payload": null, "payload_bytes": null, "in_flight": null,
            "calls_per_s": null, "p50_us": null, "p99_us": null, "cpu_us_per_call": null,
            "ratio_to_limit": null, "links": MANY, "joined_s": self.joined_s.median,
            "idle_cpu_percent": self.idle_cpu_percent.median,
            "worker_kib_per_link": self.worker_kib_per_link.median,
            "joiner_kib_per_link": self.joiner_kib_per_link.median,
            "runs": self.runs, "aead": aead,
            "targets": self.targets().map(|target| target.as_json()),
        })
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |target: &Target| {
            let Spread { min, max, .. } = target.reached;
            format!("{:>9} {target} ({min:.2} .. {max:.2})", "")
        };
        let title = format!("{:>9} {MANY} links to one worker", "links");
        std::iter::once(title).chain(self.targets().iter().map(line)).collect()
    }
}
