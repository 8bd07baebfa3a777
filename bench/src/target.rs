//! What points are to reach, and whether they do.

use std::fmt;

use serde::Serialize;

use crate::measurement::{Spread, Summary};
use crate::point::Payload;
use crate::what::What;

/// A figure that has to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// Higher is better.
    AtLeast(f64),
    /// Lower is better.
    AtMost(f64),
}

/// How a target was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Every run reached it.
    Met,
    /// Some runs reached it and some did not.
    Even,
    /// No run reached it.
    Missed,
}

/// One target of a point, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Which figure.
    pub(crate) figure: &'static str,
    pub(crate) bound: Bound,
    pub(crate) reached: Spread,
}

impl Bound {
    fn is_reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, ">= {bound}"),
            Self::AtMost(bound) => write!(f, "<= {bound}"),
        }
    }
}

impl Target {
    /// Whether it was reached in all runs, in some, or in none.
    pub(crate) fn verdict(&self) -> Verdict {
        let ends = [self.reached.min, self.reached.max].map(|end| self.bound.is_reached(end));
        match ends {
            [true, true] => Verdict::Met,
            [false, false] => Verdict::Missed,
            _ => Verdict::Even,
        }
    }

    /// A target as a line of JSON has it.
    pub(crate) fn as_json(&self) -> serde_json::Value {
        let (sign, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at_least", bound),
            Bound::AtMost(bound) => ("at_most", bound),
        };
        let Spread { median, min, max } = self.reached;
        serde_json::json!({
            "figure": self.figure, sign: bound, "median": median, "min": min, "max": max,
            "verdict": self.verdict(),
        })
    }
}

/// `calls/s >= 0.7 met`; a figure that the rest of the row does not show is told.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict() {
            Verdict::Met => "met",
            Verdict::Even => "even",
            Verdict::Missed => "MISSED",
        };
        let Self { figure, bound, reached } = self;
        write!(f, "{figure} {:.2} {bound} {verdict}", reached.median)
    }
}

/// The targets of a point. Of the ones without, it is enough to know the figures.
pub(crate) fn targets(summary: &Summary) -> Vec<Target> {
    use Bound::{AtLeast, AtMost};
    use Payload::{Json, Raw};
    let calls = |bound| Target { figure: "calls", bound: AtLeast(bound), reached: summary.ratio };
    let cpu = |bound| Target { figure: "cpu", bound: AtMost(bound), reached: summary.cpu_factor };
    let p50 = |bound| Target { figure: "p50", bound: AtMost(bound), reached: summary.p50_factor };
    let p99 = |bound| Target { figure: "p99", bound: AtMost(bound), reached: summary.p99_factor };
    let point = &summary.point;
    match (point.what, point.payload, point.in_flight) {
        (What::Call, Raw(64), 1) => vec![p50(1.10)],
        (What::Call, Raw(64), 64) => vec![calls(0.70), cpu(1.7)],
        (What::Call, Raw(64), 1024) => vec![calls(0.38)],
        (What::Call, Raw(1024 | 65_536), 64) => vec![calls(0.85)],
        (What::CallJson, Json, 64) => vec![calls(0.52)],
        (What::Broadcast32, ..) => vec![calls(0.5)],
        (What::Eight, ..) => vec![calls(0.65)],
        (What::Beside, ..) => vec![p99(5.0)],
        (What::Metrics, ..) => vec![calls(0.95)],
        (_, Raw(64), 64 | 1024) => of_peer(summary).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// How many times as many calls as a peer we are to make. The limit must itself hold its ground:
/// a poor one would be easy to come close to.
fn of_peer(summary: &Summary) -> Option<Vec<Target>> {
    let reached = summary.call_factor?;
    let call = |times| Target { figure: "call to it", bound: Bound::AtLeast(times), reached };
    let limit = |times| Target {
        figure: "limit to it",
        bound: Bound::AtLeast(times),
        reached: summary.ratio.inverse(),
    };
    Some(match (summary.point.what, summary.point.in_flight) {
        (What::Nats, 64) => vec![call(2.7), limit(3.5)],
        (What::Nats, _) => vec![call(3.0)],
        (What::Tonic, _) => vec![call(7.0)],
        (What::Ractor, _) => vec![call(5.0)],
        (What::Telepathy, _) => vec![call(2.0)],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bound: Bound, runs: [f64; 3]) -> Verdict {
        Target { figure: "calls", bound, reached: Spread::of(runs) }.verdict()
    }

    #[test]
    fn a_target_inside_the_spread_is_even() {
        assert_eq!(verdict(Bound::AtLeast(0.5), [0.5, 0.6, 0.7]), Verdict::Met);
        assert_eq!(verdict(Bound::AtLeast(0.65), [0.5, 0.6, 0.7]), Verdict::Even);
        assert_eq!(verdict(Bound::AtLeast(0.8), [0.5, 0.6, 0.7]), Verdict::Missed);
        assert_eq!(verdict(Bound::AtMost(5.0), [4.0, 4.5, 5.0]), Verdict::Met);
        assert_eq!(verdict(Bound::AtMost(4.2), [4.0, 4.5, 5.0]), Verdict::Even);
        assert_eq!(verdict(Bound::AtMost(3.0), [4.0, 4.5, 5.0]), Verdict::Missed);
    }

    #[test]
    fn a_figure_that_is_no_number_is_missed() {
        assert_eq!(verdict(Bound::AtMost(3.0), [f64::NAN; 3]), Verdict::Missed);
    }
}
