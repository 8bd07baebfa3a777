//! Shows what was measured: a table for people, lines of JSON for machines.

use serde::Serialize;

use crate::Outcome;
use crate::arguments::SuiteArguments;
use crate::links;
use crate::measurement::{Spread, Summary};
use crate::target::{Target, targets};
use crate::what::What;

/// A point as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    what: What,
    payload: String,
    payload_bytes: usize,
    in_flight: usize,
    calls_per_s: f64,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    cpu_us_per_call: f64,
    ratio_to_limit: f64,
    ratio_min: f64,
    ratio_max: f64,
    cpu_ratio_to_limit: f64,
    /// Of a peer: calls per second of a call over those of the peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio_of_call: Option<f64>,
    calls_per_s_min: f64,
    calls_per_s_max: f64,
    runs: usize,
    failed: u64,
    aead: &'a str,
    targets: Vec<serde_json::Value>,
}

/// The cipher of this build.
pub(crate) const AEAD: &str = if cfg!(feature = "aead-ring") { "ring" } else { "chacha20poly1305" };

/// Prints a line per point.
///
/// # Errors
/// A figure that is no number.
pub(crate) fn json(summaries: &[Summary], links: Option<&links::Summary>) -> Outcome {
    for summary in summaries {
        let line = Line {
            what: summary.point.what,
            payload: summary.point.payload.to_string(),
            payload_bytes: summary.point.payload.bytes().len(),
            in_flight: summary.point.in_flight,
            calls_per_s: rounded(summary.calls_per_s.median, 1.0),
            p50_us: rounded(summary.p50_us, 100.0),
            p99_us: rounded(summary.p99_us, 100.0),
            p999_us: rounded(summary.p999_us, 100.0),
            cpu_us_per_call: rounded(summary.cpu_us_per_call, 1000.0),
            ratio_to_limit: rounded(summary.ratio.median, 1000.0),
            ratio_min: rounded(summary.ratio.min, 1000.0),
            ratio_max: rounded(summary.ratio.max, 1000.0),
            cpu_ratio_to_limit: rounded(summary.cpu_ratio.median, 1000.0),
            ratio_of_call: summary.call_factor.map(|factor| rounded(factor.median, 1000.0)),
            calls_per_s_min: rounded(summary.calls_per_s.min, 1.0),
            calls_per_s_max: rounded(summary.calls_per_s.max, 1.0),
            runs: summary.runs,
            failed: summary.failed,
            aead: AEAD,
            targets: targets(summary).iter().map(Target::as_json).collect(),
        };
        println!("{}", serde_json::to_string(&line)?);
    }
    if let Some(links) = links {
        println!("{}", links.as_json(AEAD));
    }
    Ok(())
}

/// Prints a table; what is compared stands together.
pub(crate) fn table(
    summaries: &[Summary],
    links: Option<&links::Summary>,
    arguments: &SuiteArguments,
) {
    println!(
        "{} runs of {} s, median (lowest .. highest); {} lanes; sealed with {AEAD}\n",
        arguments.runs, arguments.seconds, arguments.lanes
    );
    if !summaries.is_empty() {
        print_points(summaries);
    }
    for line in links.iter().flat_map(|links| links.lines()) {
        println!("{line}");
    }
}

fn print_points(summaries: &[Summary]) {
    println!(
        "{:>9} {:>9}  {:<11} {:>11} {:>9} {:>9} {:>9} {:>10}  {:<20}  {:<20}  {:<20}  targets",
        "payload",
        "in flight",
        "what",
        "calls/s",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "cpu us",
        "calls/s to limit",
        "cpu to limit",
        "call to peer"
    );
    let mut limit = None;
    for summary in summaries {
        let same = summary.point.limit();
        if limit.replace(same).is_some_and(|last| last != same) {
            println!();
        }
        println!("{}", row(summary));
    }
    println!(
        "\ncpu us: processor time of both sides per call; cpu to limit: that of the limit over \
         it\ncall to peer: calls/s of the call over those of the peer\ntargets: met in every run, \
         even if in some, MISSED if in none\n"
    );
}

fn row(summary: &Summary) -> String {
    let point = &summary.point;
    let ratio = if point.what.limit() == point.what {
        let Spread { min, max, .. } = summary.calls_per_s;
        format!("1 ({} .. {} calls/s)", thousands(min), thousands(max))
    } else {
        let call = summary.call_factor.map(spread).unwrap_or_default();
        let [calls, cpu] = [summary.ratio, summary.cpu_ratio].map(spread);
        format!("{calls:<20}  {cpu:<20}  {call:<20}")
    };
    let failed = match summary.failed {
        0 => String::new(),
        failed => format!("  {failed} FAILED"),
    };
    let row = format!(
        "{:>9} {:>9}  {:<11} {:>11} {:>9.1} {:>9.1} {:>9.1} {:>10.3}  {ratio}  {}{failed}",
        point.payload.to_string(),
        point.in_flight,
        point.what.name(),
        thousands(summary.calls_per_s.median),
        summary.p50_us,
        summary.p99_us,
        summary.p999_us,
        summary.cpu_us_per_call,
        verdicts(summary),
    );
    row.trim_end().to_owned()
}

/// The targets of a point with what came of them.
pub(crate) fn verdicts(summary: &Summary) -> String {
    let targets: Vec<_> = targets(summary).iter().map(Target::to_string).collect();
    targets.join(", ")
}

pub(crate) fn spread(ratio: Spread) -> String {
    format!("{:.2} ({:.2} .. {:.2})", ratio.median, ratio.min, ratio.max)
}

/// A whole number with its thousands apart.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(thousands(999.4), "999");
        assert_eq!(thousands(1000.0), "1 000");
        assert_eq!(thousands(1_234_567.0), "1 234 567");
    }
}
