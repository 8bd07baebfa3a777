//! How the demo shows its counts: a table that is drawn over itself on a terminal, a line per look
//! elsewhere, one JSON document for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::tally::Reading;
use crate::table::{Side, Table};
use crate::terminal::{Paint, Style, is_interactive, redraw, say, up};

/// What is on the screen.
pub(super) struct Board {
    live: bool,
    quiet: bool,
    /// Lines that the next drawing replaces.
    drawn: usize,
}

impl Board {
    pub(super) fn new(quiet: bool) -> Self {
        Self { live: is_interactive(), quiet, drawn: 0 }
    }

    /// Says something that stays above the table.
    pub(super) fn tell(&mut self, text: &str) {
        if self.quiet {
            return;
        }
        say(&format!("{}{text}\n", up(self.drawn)));
        self.drawn = 0;
    }

    /// Shows what happened within `span`.
    pub(super) fn show(&mut self, readings: &[Reading], since_start: Duration, span: Duration) {
        if self.quiet {
            return;
        }
        let seconds = since_start.as_secs();
        if self.live {
            let text = format!("\n{}", table(readings, span));
            self.drawn = redraw(self.drawn, &text);
        } else {
            let rates: Vec<String> = readings.iter().map(|reading| rate(reading, span)).collect();
            say(&format!("{seconds:>4}s  {}\n", rates.join("  ")));
        }
    }

    /// Shows all of it at the end.
    pub(super) fn finish(&mut self, totals: &[Reading], span: Duration) {
        if self.quiet {
            return;
        }
        say(&format!("{}\n{}", up(self.drawn), table(totals, span)));
        self.drawn = 0;
    }
}

fn rate(reading: &Reading, span: Duration) -> String {
    format!("{} {:.0}/s", reading.command, per_second(reading.recent, span))
}

fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64().max(0.001)
}

fn table(readings: &[Reading], span: Duration) -> String {
    let headings = [
        ("command", Side::Left),
        ("kind", Side::Left),
        ("calls/s", Side::Right),
        ("p50", Side::Right),
        ("p99", Side::Right),
        ("answered", Side::Right),
        ("failed", Side::Right),
        ("lost", Side::Right),
        ("runs by instance", Side::Left),
    ];
    let mut table = Table::new(headings, Paint::stdout());
    for reading in readings {
        table.push([
            reading.command.to_owned(),
            reading.kind.to_owned(),
            format!("{:.0}", per_second(reading.recent, span)),
            time(reading.p50),
            time(reading.p99),
            reading.answered.to_string(),
            reading.failed.to_string(),
            (reading.not_executed + reading.unknown).to_string(),
            runs(reading),
        ]);
    }
    table.to_string()
}

/// The runs without the name of the worker, which stands in the first column already.
fn runs(reading: &Reading) -> String {
    let (worker, _) = reading.command.split_once('.').unwrap_or_default();
    let short = |variant: &str| variant.trim_start_matches(worker).to_owned();
    let runs = reading.runs.iter().map(|(variant, runs)| format!("{}:{runs}", short(variant)));
    runs.collect::<Vec<_>>().join(" ")
}

fn time(time: Duration) -> String {
    match time.as_micros() {
        micros @ 0..1000 => format!("{micros}us"),
        micros @ 1000..10_000 => format!("{:.1}ms", micros as f64 / 1000.0),
        micros => format!("{}ms", micros / 1000),
    }
}

/// The last words for people: what the table means.
pub(super) fn verdict(totals: &[Reading]) -> String {
    let sum = |count: fn(&Reading) -> u64| totals.iter().map(count).sum::<u64>();
    let (answered, failed) = (sum(|reading| reading.answered), sum(|reading| reading.failed));
    let lost = sum(|reading| reading.not_executed + reading.unknown);
    let paint = Paint::stdout();
    let verdict = match lost {
        0 => paint.paint(Style::Good, "no call was lost"),
        1 => paint.paint(Style::Bad, "1 call was lost"),
        lost => paint.paint(Style::Bad, &format!("{lost} calls were lost")),
    };
    format!("{answered} calls answered, {failed} refused by a handler (sold out), {verdict}")
}

/// What `--json` prints.
pub(super) fn summary(totals: &[Reading], span: Duration) -> Value {
    let commands: Vec<Value> = totals.iter().map(|reading| command(reading, span)).collect();
    let sum = |count: fn(&Reading) -> u64| totals.iter().map(count).sum::<u64>();
    json!({
        "seconds": span.as_secs_f64(),
        "answered": sum(|reading| reading.answered),
        "failed": sum(|reading| reading.failed),
        "not_executed": sum(|reading| reading.not_executed),
        "unknown": sum(|reading| reading.unknown),
        "commands": commands,
    })
}

fn command(reading: &Reading, span: Duration) -> Value {
    let runs: serde_json::Map<String, Value> =
        reading.runs.iter().map(|(variant, runs)| (variant.clone(), (*runs).into())).collect();
    json!({
        "command": reading.command,
        "kind": reading.kind,
        "calls_per_second": per_second(reading.recent, span),
        "p50_us": reading.p50.as_micros() as u64,
        "p99_us": reading.p99.as_micros() as u64,
        "answered": reading.answered,
        "failed": reading.failed,
        "not_executed": reading.not_executed,
        "unknown": reading.unknown,
        "runs": runs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_runs_are_named_once() {
        assert_eq!(time(Duration::from_micros(87)), "87us");
        assert_eq!(time(Duration::from_micros(2340)), "2.3ms");
        assert_eq!(time(Duration::from_millis(45)), "45ms");
        let reading = Reading {
            command: "pricing.quote",
            kind: "balanced",
            answered: 9,
            failed: 0,
            not_executed: 0,
            unknown: 0,
            recent: 4,
            p50: Duration::ZERO,
            p99: Duration::ZERO,
            runs: vec![("pricing-1".to_owned(), 5), ("pricing-2".to_owned(), 4)],
        };
        assert_eq!(runs(&reading), "-1:5 -2:4");
        let shown = table(std::slice::from_ref(&reading), Duration::from_secs(2));
        assert!(shown.lines().nth(1).unwrap().contains("  2  "), "{shown}");
        assert!(verdict(&[reading]).contains("no call was lost"));
    }
}
