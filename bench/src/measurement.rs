//! What several runs of one point come to.

pub(crate) use meshwork_bench_harness::measurement::Measurement;

use crate::point::Point;

/// Several values of one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// A point, measured.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) point: Point,
    pub(crate) runs: usize,
    pub(crate) calls_per_s: Spread,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) cpu_us_per_call: f64,
    /// Calls per second over those of the limit, each run by itself.
    pub(crate) ratio: Spread,
    /// Processor time per call of the limit over the one of the point: like `ratio`, but hardly
    /// moved by whatever else the machine does.
    pub(crate) cpu_ratio: Spread,
    /// The median latency over that of the limit.
    pub(crate) p50_factor: Spread,
    /// The same for the time within which 99 of 100 calls come back.
    pub(crate) p99_factor: Spread,
    /// Processor time per call over that of the limit.
    pub(crate) cpu_factor: Spread,
    /// Of a peer: calls per second of a call over those of the peer, each run by itself.
    pub(crate) call_factor: Option<Spread>,
    pub(crate) failed: u64,
}

impl Spread {
    /// Of at least one value; of none, it is not a number.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
        Self { median, min: at(0), max: at(last) }
    }

    /// Of what is upside down.
    pub(crate) fn inverse(self) -> Self {
        Self { median: 1.0 / self.median, min: 1.0 / self.max, max: 1.0 / self.min }
    }
}

impl Summary {
    /// `runs` and `limits` are the same runs of the point and of its limit, `calls` those of the
    /// call if the point is of a peer.
    pub(crate) fn new(
        point: Point,
        runs: &[Measurement],
        limits: &[Measurement],
        calls: &[Measurement],
    ) -> Self {
        let median = |figure: fn(&Measurement) -> f64| Spread::of(runs.iter().map(figure)).median;
        let over = |figure: fn(&Measurement) -> f64| {
            Spread::of(runs.iter().zip(limits).map(|(run, limit)| figure(run) / figure(limit)))
        };
        let pairs = runs.iter().zip(calls);
        let call_factor = pairs.map(|(run, call)| call.calls_per_s / run.calls_per_s);
        let cpu_factor = over(|run| run.cpu_us_per_call);
        Self {
            point,
            runs: runs.len(),
            calls_per_s: Spread::of(runs.iter().map(|run| run.calls_per_s)),
            p50_us: median(|run| run.p50_us),
            p99_us: median(|run| run.p99_us),
            p999_us: median(|run| run.p999_us),
            cpu_us_per_call: median(|run| run.cpu_us_per_call),
            ratio: over(|run| run.calls_per_s),
            cpu_ratio: cpu_factor.inverse(),
            p50_factor: over(|run| run.p50_us),
            p99_factor: over(|run| run.p99_us),
            cpu_factor,
            call_factor: point.what.is_peer().then(|| Spread::of(call_factor)),
            failed: runs.iter().map(|run| run.failed).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_median_and_ends() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0]).median, 2.5);
        assert!(Spread::of([]).median.is_nan());
    }
}
