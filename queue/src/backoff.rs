//! The wait between two attempts of a job.

use std::time::Duration;

use meshwork_schema::BackoffRange;
use meshwork_shared::random::Random;

/// How long to wait after the failed attempt number `attempt` (from 1).
///
/// The longest wait doubles with each attempt, from twice `range.min` up to `range.max`; the wait
/// is drawn from its upper half, so that jobs that failed together do not return together. It is
/// never below `range.min` nor above `range.max`.
pub fn delay(range: BackoffRange, attempt: u32, random: &Random) -> Duration {
    let doublings = attempt.min(31);
    let longest = range.min.saturating_mul(1 << doublings).min(range.max);
    let shortest = (longest / 2).max(range.min).min(longest);
    let spread = u64::try_from((longest - shortest).as_nanos()).unwrap_or(u64::MAX - 1);
    shortest + Duration::from_nanos(random.below(spread + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RANGE: BackoffRange =
        BackoffRange { min: Duration::from_secs(1), max: Duration::from_secs(60) };

    #[test]
    fn the_wait_doubles_up_to_its_bound() {
        let random = Random::seeded(1);
        for (attempt, low, high) in [(1, 1, 2), (2, 2, 4), (3, 4, 8), (6, 30, 60), (40, 30, 60)] {
            let wait = delay(RANGE, attempt, &random);
            assert!((low..=high).contains(&wait.as_secs()), "{attempt}: {wait:?}");
        }
    }

    proptest! {
        #[test]
        fn the_wait_stays_in_its_range(
            min in 0u64..1 << 40, more in 0u64..1 << 50, attempt: u32, seed: u64,
        ) {
            let min = Duration::from_micros(min);
            let range = BackoffRange { min, max: min + Duration::from_micros(more) };
            let wait = delay(range, attempt, &Random::seeded(seed));
            prop_assert!(range.min <= wait && wait <= range.max, "{wait:?}");
        }
    }
}
