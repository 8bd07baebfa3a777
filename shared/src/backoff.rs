//! How long to wait before trying again: longer after each failure, and never in step with others.

use std::time::Duration;

use crate::random::Random;

/// Exponential backoff with jitter.
///
/// The first failure waits up to `min`, each further one up to twice as long as the one before, at
/// most `max`. Of that ceiling a wait takes between half and the whole, by chance, so that many who
/// failed together do not come back together.
///
/// ```
/// use std::time::Duration;
/// use meshwork_shared::backoff::Backoff;
/// use meshwork_shared::random::Random;
///
/// let random = Random::seeded(1);
/// let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
/// let first = backoff.next(&random);
/// assert!(first >= Duration::from_millis(50) && first <= Duration::from_millis(100));
/// assert!(backoff.next(&random) >= Duration::from_millis(100));
/// backoff.reset();
/// assert!(backoff.next(&random) <= Duration::from_millis(100));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    /// Upper end of the next wait.
    ceiling: Duration,
}

impl Backoff {
    /// A backoff whose waits end between `min` and `max`. A `max` below `min` counts as `min`.
    pub fn new(min: Duration, max: Duration) -> Self {
        Self { min, max: max.max(min), ceiling: min }
    }

    /// The wait after one more failure.
    pub fn next(&mut self, random: &Random) -> Duration {
        let ceiling = self.ceiling;
        self.ceiling = ceiling.saturating_mul(2).min(self.max);
        let half = ceiling / 2;
        let spread = u64::try_from((ceiling - half).as_nanos()).unwrap_or(u64::MAX - 1);
        half + Duration::from_nanos(random.below(spread + 1))
    }

    /// Something succeeded: the next failure waits as if it were the first.
    pub fn reset(&mut self) {
        self.ceiling = self.min;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIN: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(10);

    #[test]
    fn each_failure_waits_up_to_twice_as_long_until_the_maximum() {
        let random = Random::seeded(7);
        let mut backoff = Backoff::new(MIN, MAX);
        for ceiling_ms in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            let ceiling = Duration::from_millis(ceiling_ms);
            let wait = backoff.next(&random);
            assert!(wait >= ceiling / 2 && wait <= ceiling, "{wait:?} of {ceiling:?}");
        }
    }

    #[test]
    fn a_success_starts_anew() {
        let random = Random::seeded(7);
        let mut backoff = Backoff::new(MIN, MAX);
        (0..5).for_each(|_| _ = backoff.next(&random));
        backoff.reset();
        assert!(backoff.next(&random) <= MIN);
    }

    #[test]
    fn two_that_failed_together_come_back_apart() {
        let waits = |seed| {
            let (random, mut backoff) = (Random::seeded(seed), Backoff::new(MIN, MAX));
            (0..4).map(|_| backoff.next(&random)).collect::<Vec<_>>()
        };
        assert_ne!(waits(1), waits(2));
        assert_eq!(waits(1), waits(1));
    }

    proptest! {
        #[test]
        fn waits_stay_within_bounds(range in any::<(u64, u64)>(), seed in any::<u64>()) {
            let (min, max) = range;
            let (min, max) = (Duration::from_nanos(min), Duration::from_nanos(max));
            let random = Random::seeded(seed);
            let mut backoff = Backoff::new(min, max);
            for _ in 0..70 {
                let wait = backoff.next(&random);
                prop_assert!(wait >= min / 2 && wait <= max.max(min));
            }
        }

        #[test]
        fn any_duration_is_survived(seconds in any::<u64>(), seed in any::<u64>()) {
            let mut backoff = Backoff::new(Duration::from_secs(seconds), Duration::MAX);
            let random = Random::seeded(seed);
            (0..70).for_each(|_| _ = backoff.next(&random));
        }
    }
}
