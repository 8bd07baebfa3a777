//! The table of a run as Markdown, for the documentation.

use std::fmt::{self, Write};
use std::fs;

use crate::arguments::SuiteArguments;
use crate::links;
use crate::measurement::Summary;
use crate::report::{AEAD, spread, thousands, verdicts};

/// Everything that was measured, with what it was measured on.
///
/// # Errors
/// A figure does not format; all do.
pub(crate) fn table(
    summaries: &[Summary],
    links: Option<&links::Summary>,
    arguments: &SuiteArguments,
) -> Result<String, fmt::Error> {
    let mut text = String::from("# Figures of one run of the benchmark\n\n");
    writeln!(
        text,
        "Written by `cargo xtask bench`; [BENCHMARKS.md](../BENCHMARKS.md) says what is measured \
         and how.\n\n{}. {} runs of {} s, median (lowest .. highest); sealed with {AEAD}; the \
         peers speak plain text.\n",
        machine(),
        arguments.runs,
        arguments.seconds
    )?;
    let with_peers = summaries.iter().any(|summary| summary.call_factor.is_some());
    let mut limit = None;
    for summary in summaries {
        if limit.replace(summary.point.limit()) != Some(summary.point.limit()) {
            head(&mut text, summary, with_peers)?;
        }
        row(&mut text, summary, with_peers)?;
    }
    for line in links.iter().flat_map(|links| links.lines()) {
        writeln!(text, "\n{}", line.trim())?;
    }
    Ok(text)
}

fn head(text: &mut String, summary: &Summary, with_peers: bool) -> fmt::Result {
    let limit = summary.point.limit();
    let call = if with_peers { " call to it |" } else { "" };
    let line = if with_peers { "---:|" } else { "" };
    write!(
        text,
        "\n## {} B x {} in flight, against `{}`\n\n| what | calls/s | p50 us | p99 us | cpu us per \
         call | calls/s to limit |{call} targets |\n|---|---:|---:|---:|---:|---:|{line}---|\n",
        limit.payload,
        limit.in_flight,
        limit.what.name(),
    )
}

fn row(text: &mut String, summary: &Summary, with_peers: bool) -> fmt::Result {
    let is_limit = summary.point.what.limit() == summary.point.what;
    let ratio = if is_limit { "1".to_owned() } else { spread(summary.ratio) };
    let call = match summary.call_factor {
        _ if !with_peers => String::new(),
        factor => format!(" {} |", factor.map(spread).unwrap_or_default()),
    };
    let failed = match summary.failed {
        0 => String::new(),
        failed => format!(" {failed} FAILED"),
    };
    writeln!(
        text,
        "| {} | {} | {:.1} | {:.1} | {:.2} | {ratio} |{call} {}{failed} |",
        summary.point.what.name(),
        thousands(summary.calls_per_s.median),
        summary.p50_us,
        summary.p99_us,
        summary.cpu_us_per_call,
        verdicts(summary),
    )
}

/// The processor and the kernel, as far as the system tells.
pub(crate) fn machine() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = processors.lines().filter_map(|line| line.strip_prefix("model name"));
    let mut models = models.filter_map(|rest| Some(rest.split_once(':')?.1.trim()));
    let model = models.next().unwrap_or("a processor without a name");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {} cores, Linux {}", 1 + models.count(), kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::Measurement;
    use crate::point::{Payload, Point};
    use crate::what::What;

    fn summary(what: What, calls_per_s: f64, calls: &[Measurement]) -> Summary {
        let point = Point { what, payload: Payload::Raw(64), in_flight: 64 };
        let run = measurement(calls_per_s);
        Summary::new(point, &[run], &[measurement(800_000.0)], calls)
    }

    fn measurement(calls_per_s: f64) -> Measurement {
        let [p50_us, p99_us, p999_us, cpu_us_per_call] = [10.0, 20.0, 30.0, 1.5];
        Measurement { calls_per_s, p50_us, p99_us, p999_us, cpu_us_per_call, failed: 0 }
    }

    #[test]
    fn a_peer_shows_how_many_times_as_many_calls_we_make() {
        let mut text = String::new();
        row(&mut text, &summary(What::Nats, 200_000.0, &[measurement(600_000.0)]), true).unwrap();
        assert_eq!(
            text,
            "| nats | 200 000 | 10.0 | 20.0 | 1.50 | 0.25 (0.25 .. 0.25) | 3.00 (3.00 .. 3.00) | \
             call to it 3.00 >= 2.7 met, limit to it 4.00 >= 3.5 met |\n"
        );
    }

    #[test]
    fn rows_have_as_many_cells_as_their_head() {
        for with_peers in [false, true] {
            let (mut head_text, mut row_text) = (String::new(), String::new());
            let summary = summary(What::Call, 500_000.0, &[]);
            head(&mut head_text, &summary, with_peers).unwrap();
            row(&mut row_text, &summary, with_peers).unwrap();
            let cells = |line: &str| line.matches('|').count();
            let head_line = head_text.lines().find(|line| line.starts_with("| what")).unwrap();
            assert_eq!(cells(head_line), cells(row_text.trim()));
            assert_eq!(cells(head_line), cells(head_text.lines().last().unwrap()));
        }
    }
}
