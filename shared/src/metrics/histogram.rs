//! How long something took, in buckets. Counting is two relaxed additions, and the reader takes no
//! lock: figures that are read while others count may be one of them apart.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, nanoseconds; the last bucket has none.
pub const BOUNDS_NS: [u64; 16] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
    30_000_000_000,
];

/// Durations, counted by bucket.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_NS.len() + 1],
    sum_ns: AtomicU64,
}

/// What a [`Histogram`] held when it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramFigures {
    /// How many fell into each bucket alone, in the order of [`BOUNDS_NS`]; the last of them were
    /// longer than all bounds.
    pub buckets: [u64; BOUNDS_NS.len() + 1],
    /// All durations together, nanoseconds.
    pub sum_ns: u64,
}

impl Histogram {
    /// Counts a duration as `weight` of them.
    pub fn count(&self, took: Duration, weight: u64) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_NS.iter().position(|bound| ns <= *bound).unwrap_or(BOUNDS_NS.len());
        self.buckets[bucket].fetch_add(weight, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns.saturating_mul(weight), Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn figures(&self) -> HistogramFigures {
        HistogramFigures {
            buckets: std::array::from_fn(|at| self.buckets[at].load(Ordering::Relaxed)),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

impl HistogramFigures {
    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        histogram.count(Duration::from_nanos(50_000), 1);
        histogram.count(Duration::from_nanos(50_001), 16);
        histogram.count(Duration::from_secs(3600), 1);
        let figures = histogram.figures();
        assert_eq!((figures.buckets[0], figures.buckets[1]), (1, 16));
        assert_eq!((figures.buckets[16], figures.count()), (1, 18));
        assert_eq!(figures.sum_ns, 50_000 + 16 * 50_001 + 3_600_000_000_000);
        assert!(BOUNDS_NS.is_sorted());
    }
}
