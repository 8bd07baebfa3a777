//! What the hostile parts came to: lines for people or for machines.

use serde::Serialize;

use super::Grown;
use super::flood::Flooded;
use super::holder::{Joins, Latencies};
use super::refusals::Timing;
use crate::Outcome;

/// A figure as a line of JSON.
#[derive(Serialize)]
struct Figure {
    part: String,
    figure: &'static str,
    value: f64,
    unit: &'static str,
}

/// All figures, in the order in which they were measured.
#[derive(Default)]
pub(super) struct Figures {
    figures: Vec<Figure>,
}

impl Figures {
    fn add(&mut self, part: &str, figure: &'static str, value: f64, unit: &'static str) {
        let value = (value * 100.0).round() / 100.0;
        self.figures.push(Figure { part: part.to_owned(), figure, value, unit });
    }

    pub(super) fn joins(&mut self, part: &str, (joins, flooded): &(Joins, Option<Flooded>)) {
        self.flooded(part, flooded.as_ref());
        self.add(part, "joins", joins.joins as f64, "");
        self.add(part, "failed dials", joins.failed_dials as f64, "");
        self.latencies(part, &joins.time);
    }

    pub(super) fn half_open(&mut self, quiet: &Latencies, flooded: &Latencies, grown: Grown) {
        self.latencies("live calls, quiet", quiet);
        let part = "live calls, half-open flood";
        self.flooded(part, grown.flooded.as_ref());
        self.latencies(part, flooded);
        self.add(part, "p99 over quiet", flooded.p99_us as f64 / quiet.p99_us as f64, "x");
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        self.add(part, "memory before", mib(grown.before_bytes), "MiB");
        self.add(part, "memory grown by", mib(grown.most_bytes - grown.before_bytes), "MiB");
    }

    pub(super) fn refusals(&mut self, timing: &Timing) {
        let part = "refusals";
        self.add(part, "unknown key id, p50", timing.unknown_id_p50_us, "us");
        self.add(part, "wrong key, p50", timing.wrong_key_p50_us, "us");
        self.add(part, "noise of the median", timing.noise_us, "us");
        self.add(part, "told apart in pairs", timing.told_apart_percent, "%");
    }

    fn flooded(&mut self, part: &str, flooded: Option<&Flooded>) {
        if let Some(flooded) = flooded {
            self.add(part, "strangers", flooded.opened as f64, "");
            self.add(part, "strangers not connected", flooded.failed as f64, "");
            self.add(part, "open at once, at most", flooded.most_open as f64, "");
        }
    }

    fn latencies(&mut self, part: &str, latencies: &Latencies) {
        self.add(part, "p50", latencies.p50_us as f64, "us");
        self.add(part, "p99", latencies.p99_us as f64, "us");
        self.add(part, "max", latencies.max_us as f64, "us");
    }

    /// Prints all of them.
    ///
    /// # Errors
    /// A figure that is no number.
    pub(super) fn print(&self, json: bool) -> Outcome {
        let mut last = "";
        for figure in &self.figures {
            if json {
                println!("{}", serde_json::to_string(figure)?);
                continue;
            }
            if figure.part != last {
                println!("{}{}", if last.is_empty() { "" } else { "\n" }, figure.part);
                last = &figure.part;
            }
            println!("  {:<26} {:>12} {}", figure.figure, figure.value, figure.unit);
        }
        Ok(())
    }
}
