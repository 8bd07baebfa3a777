//! Calls per second as horizontal bars, an SVG that reads on light and on dark paper: the text is
//! of a grey that stands out from both, and nothing is painted behind it.

use std::fmt::{self, Write};

use crate::measurement::Summary;
use crate::point::{Payload, Point};
use crate::what::What;

/// Depths that have a part of their own, one below the other.
const DEPTHS: [usize; 2] = [64, 1024];

/// Sizes, in the units of the picture.
const WIDTH: f64 = 720.0;
const LABELS: f64 = 150.0;
const BARS: f64 = 430.0;
const BAR: f64 = 16.0;
const ROW: f64 = 24.0;
const TITLE: f64 = 30.0;
const GAP: f64 = 14.0;
const NOTE: f64 = 18.0;

const TEXT: &str = "#7d8590";
const OURS: &str = "#2f81f7";
const LIMIT: &str = "#a3b3c6";
const PEER: &str = "#d29922";

/// Whether a point has a bar.
pub(crate) fn shows(point: &Point) -> bool {
    point.payload == Payload::Raw(64)
        && DEPTHS.contains(&point.in_flight)
        && (point.what.is_peer() || matches!(point.what, What::Limit | What::Call))
}

/// The picture.
pub(crate) fn svg(summaries: &[Summary]) -> String {
    let (mut body, mut y) = (String::new(), 0.0);
    for depth in DEPTHS {
        let of_depth =
            |summary: &&Summary| shows(&summary.point) && summary.point.in_flight == depth;
        let bars: Vec<_> = summaries.iter().filter(of_depth).collect();
        if !bars.is_empty() {
            // A string takes everything that is written to it.
            y = part(&mut body, y, depth, &bars).unwrap_or(y);
        }
    }
    let _ = writeln!(
        body,
        "<text x=\"0\" y=\"{:.1}\" font-size=\"12\">Meshwork and the bare echo encrypt, the others \
         do not. Two processes on a core each.</text>",
        y + 8.0
    );
    y += NOTE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y:.0}\" \
         width=\"{WIDTH}\" height=\"{y:.0}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\" fill=\"{TEXT}\" role=\"img\">\n\
         <title>Calls per second with 64 bytes each way</title>\n{body}</svg>\n"
    )
}

/// Writes the bars of a depth below `top` and says where they end.
fn part(body: &mut String, top: f64, depth: usize, bars: &[&Summary]) -> Result<f64, fmt::Error> {
    let most = bars.iter().map(|bar| bar.calls_per_s.max).fold(1.0, f64::max);
    writeln!(
        body,
        "<text x=\"0\" y=\"{:.1}\" font-weight=\"600\">calls per second, 64 B each way, {depth} in \
         flight</text>",
        top + 18.0
    )?;
    let mut y = top + TITLE;
    for summary in bars {
        let scaled = |calls_per_s: f64| LABELS + BARS * calls_per_s / most;
        let (middle, calls) = (y + BAR / 2.0, summary.calls_per_s);
        writeln!(
            body,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABELS}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\" \
             fill=\"{}\"/>\
             <path d=\"M{:.1} {middle:.1}H{:.1}\" stroke=\"{TEXT}\" stroke-width=\"2\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LABELS - 8.0,
            middle + 4.5,
            name(summary.point.what),
            scaled(calls.median) - LABELS,
            colour(summary.point.what),
            scaled(calls.min),
            scaled(calls.max),
            scaled(calls.max) + 8.0,
            middle + 4.5,
            value(summary),
        )?;
        y += ROW;
    }
    Ok(y + GAP)
}

fn name(what: What) -> &'static str {
    match what {
        What::Limit => "bare encrypted echo",
        What::Call => "Meshwork",
        What::Nats => "NATS",
        What::Tonic => "gRPC (tonic)",
        What::Ractor => "ractor_cluster",
        What::Telepathy => "actix-telepathy",
        other => other.name(),
    }
}

fn colour(what: What) -> &'static str {
    match what {
        What::Limit => LIMIT,
        What::Call => OURS,
        _ => PEER,
    }
}

/// In words that need no legend.
fn value(summary: &Summary) -> String {
    let calls = summary.calls_per_s.median;
    let calls = if calls >= 1e6 {
        format!("{:.2} M", calls / 1e6)
    } else {
        format!("{:.0} k", calls / 1e3)
    };
    match summary.call_factor {
        Some(factor) => format!("{calls} (Meshwork: {:.1} times)", factor.median),
        None => calls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::Measurement;

    fn summary(what: What, calls_per_s: f64) -> Summary {
        let [p50_us, p99_us, p999_us, cpu_us_per_call] = [10.0, 20.0, 30.0, 1.5];
        let run = |calls_per_s| Measurement {
            calls_per_s,
            p50_us,
            p99_us,
            p999_us,
            cpu_us_per_call,
            failed: 0,
        };
        let point = Point { what, payload: Payload::Raw(64), in_flight: 64 };
        Summary::new(point, &[run(calls_per_s)], &[run(1e6)], &[run(600_000.0)])
    }

    #[test]
    fn each_point_has_a_bar_as_long_as_its_figure() {
        let picture = svg(&[
            summary(What::Limit, 1e6),
            summary(What::Call, 600_000.0),
            summary(What::Nats, 200_000.0),
            summary(What::Link, 700_000.0),
        ]);
        assert_eq!(picture.matches("<rect").count(), 3);
        assert!(picture.contains("width=\"86.0\""), "{picture}");
        assert!(picture.contains("200 k (Meshwork: 3.0 times)"), "{picture}");
        assert!(picture.contains("1.00 M<"), "{picture}");
    }

    #[test]
    fn a_depth_that_was_not_measured_has_no_part() {
        let picture = svg(&[summary(What::Call, 1e5)]);
        assert!(!picture.contains("1024 in"), "{picture}");
    }
}
