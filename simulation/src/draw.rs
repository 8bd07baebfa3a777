//! What a run leaves to chance, drawn from its seed.

use std::time::Duration;

use meshwork_shared::random::Random;

/// Draws from one stream of a seed. Each part of a run has a stream of its own, so that a change in
/// one leaves the others as they were.
#[derive(Clone, Debug)]
pub(crate) struct Draw(Random);

impl Draw {
    /// The stream of this name.
    pub(crate) fn new(seed: u64, stream: &str) -> Self {
        Self(random(seed, stream))
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// A time in `from..=to`, in whole milliseconds.
    pub(crate) fn time(&self, from: Duration, to: Duration) -> Duration {
        let (from, to) = (from.as_millis() as u64, to.as_millis() as u64);
        Duration::from_millis(from + self.below(to.saturating_sub(from) + 1))
    }

    /// A whole number in `from..=to`.
    pub(crate) fn signed(&self, from: i64, to: i64) -> i64 {
        from + self.below((to - from + 1).unsigned_abs()) as i64
    }

    /// True in so many of a hundred cases.
    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn pick<'a, T>(&self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len() as u64) as usize]
    }

    /// Brings them into any order.
    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end as u64 + 1) as usize);
        }
    }
}

/// The generator that one process of a run draws its keys, names and jitter from.
pub(crate) fn random(seed: u64, stream: &str) -> Random {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    for byte in stream.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    Random::seeded(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_differs_from_others() {
        let numbers = |seed, stream| {
            let draw = Draw::new(seed, stream);
            [draw.below(1 << 40), draw.below(1 << 40)]
        };
        assert_eq!(numbers(1, "a"), numbers(1, "a"));
        assert_ne!(numbers(1, "a"), numbers(1, "b"));
        assert_ne!(numbers(1, "a"), numbers(2, "a"));
    }

    #[test]
    fn draws_stay_in_their_bounds() {
        let draw = Draw::new(7, "bounds");
        let (low, high) = (Duration::from_millis(3), Duration::from_millis(5));
        assert!((0..100).all(|_| (low..=high).contains(&draw.time(low, high))));
        assert!((0..100).all(|_| (-2..=2).contains(&draw.signed(-2, 2))));
        let mut items = [1, 2, 3, 4];
        draw.shuffle(&mut items);
        items.sort_unstable();
        assert_eq!(items, [1, 2, 3, 4]);
    }
}
