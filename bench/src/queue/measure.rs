//! What can be measured of queues, what it is compared with, and what it is to reach.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Serialize;

use crate::measurement::Spread;
use crate::target::{Bound, Target};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// Bare streams: pipelined XADD, XREADGROUP and XACK, 64 at a time as the jobs beside it.
    Bare,
    /// The same, a thousand at a time: what the server can do at all.
    BareDeep,
    /// Durable jobs through two workers: enqueued, run, acknowledged.
    Queue,
    /// BullMQ, of npm.
    Bullmq,
    /// apalis with its storage in Redis.
    Apalis,
    /// The memory backend by itself: the same loop, on one core.
    Memory,
    /// Jobs in memory through two workers of one process, on one core.
    MemoryWorker,
    /// From the enqueue to the start of the handler, while nothing else is to do.
    Latency,
    /// A worker whose 20 queues are empty.
    Idle,
    /// A million waiting jobs beside none.
    Million,
}

/// Figures of one measurement, by name.
pub(crate) type Sample = BTreeMap<&'static str, f64>;

/// Everything that was measured, each in the order of the runs.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<Measure, Vec<Sample>>);

impl Measure {
    /// Its name, as on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether it is something that people would use instead.
    pub(crate) fn is_peer(self) -> bool {
        matches!(self, Self::Bullmq | Self::Apalis)
    }

    /// Whether jobs per second through Redis are its figure.
    pub(crate) fn is_rate(self) -> bool {
        matches!(self, Self::Bare | Self::BareDeep | Self::Queue) || self.is_peer()
    }

    /// What it is measured with, so that it can be compared.
    pub(crate) fn compared_with(self) -> &'static [Self] {
        match self {
            Self::Queue | Self::BareDeep => &[Self::Bare],
            Self::Bullmq | Self::Apalis => &[Self::Bare, Self::Queue],
            _ => &[],
        }
    }
}

impl Figures {
    pub(crate) fn add(&mut self, measure: Measure, sample: Sample) {
        self.0.entry(measure).or_default().push(sample);
    }

    /// What was measured, in its order.
    pub(crate) fn measures(&self) -> impl Iterator<Item = Measure> {
        self.0.keys().copied()
    }

    /// Names of the figures of a measure.
    pub(crate) fn names(&self, measure: Measure) -> Vec<&'static str> {
        let samples = self.0.get(&measure).and_then(|samples| samples.first());
        samples.map(|sample| sample.keys().copied().collect()).unwrap_or_default()
    }

    /// A figure over the runs.
    pub(crate) fn spread(&self, measure: Measure, figure: &str) -> Spread {
        let samples = self.0.get(&measure).into_iter().flatten();
        Spread::of(samples.filter_map(|sample| sample.get(figure).copied()))
    }

    /// Jobs per second of `over` to those of `under`, each run by itself; `None` if one of them
    /// was not measured.
    pub(crate) fn ratio(&self, over: Measure, under: Measure) -> Option<Spread> {
        let pairs = self.0.get(&over)?.iter().zip(self.0.get(&under)?);
        let rate = |sample: &Sample| sample.get("jobs_per_s").copied().unwrap_or(f64::NAN);
        Some(Spread::of(pairs.map(|(over, under)| rate(over) / rate(under))))
    }

    /// What a measure is to reach, and what came of it.
    pub(crate) fn targets(&self, measure: Measure) -> Vec<Target> {
        use Bound::{AtLeast, AtMost};
        let of = |name: &'static str, figure, bound| {
            Some(Target { figure: name, bound, reached: self.spread(measure, figure) })
        };
        let ratio = |name, over, under, bound| {
            let reached = self.ratio(over, under)?;
            Some(Target { figure: name, bound: AtLeast(bound), reached })
        };
        let targets = match measure {
            Measure::Queue => vec![ratio("to bare", measure, Measure::Bare, 0.4)],
            Measure::Bullmq => vec![ratio("queue to it", Measure::Queue, measure, 5.0)],
            Measure::Apalis => vec![ratio("queue to it", Measure::Queue, measure, 3.0)],
            Measure::Memory => vec![of("jobs/s", "jobs_per_s", AtLeast(500_000.0))],
            Measure::Latency => vec![of("us above a ping", "above_ping_p50_us", AtMost(1000.0))],
            Measure::Idle => vec![
                of("% of a core", "cpu_percent", AtMost(1.0)),
                of("commands/s", "commands_per_s", AtMost(50.0)),
            ],
            Measure::Million => vec![
                of("enqueue to empty", "enqueue_ratio", AtLeast(0.8)),
                of("run to empty", "run_ratio", AtLeast(0.8)),
                of("worker memory to empty", "worker_memory_ratio", AtMost(1.2)),
            ],
            Measure::Bare | Measure::BareDeep | Measure::MemoryWorker => Vec::new(),
        };
        targets.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Verdict;

    fn figures(rates: &[(Measure, [f64; 2])]) -> Figures {
        let mut figures = Figures::default();
        for (measure, runs) in rates {
            for rate in runs {
                figures.add(*measure, Sample::from([("jobs_per_s", *rate)]));
            }
        }
        figures
    }

    #[test]
    fn ratios_are_of_the_same_run() {
        let figures = figures(&[(Measure::Bare, [100.0, 10.0]), (Measure::Queue, [50.0, 4.0])]);
        let targets = figures.targets(Measure::Queue);
        assert_eq!(targets[0].reached, Spread { median: 0.45, min: 0.4, max: 0.5 });
        assert_eq!(targets[0].verdict(), Verdict::Met);
        assert!(figures.targets(Measure::Bullmq).is_empty(), "it was not measured");
    }

    #[test]
    fn a_peer_is_measured_with_what_it_is_compared_with() {
        for measure in Measure::value_variants() {
            assert!(!measure.is_peer() || measure.compared_with().contains(&Measure::Queue));
        }
    }
}
