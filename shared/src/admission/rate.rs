//! Rates in virtual time, each kept as the one instant at which it has caught up.

use std::time::Duration;

use tokio::time::Instant;

/// So many at once, and so many a second after that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Time in which one comes back.
    interval: Duration,
    burst: u32,
}

/// What was taken from a [`Rate`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    /// When all of it will have come back; `None` while nothing was ever taken.
    back_at: Option<Instant>,
}

impl Rate {
    /// A rate of 0 would never let anything through again; it is taken as 1.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), burst: burst.max(1) }
    }

    /// How many are taken at `now`, a part of one as a whole one.
    pub(super) fn taken(&self, taken: &Taken, now: Instant) -> u32 {
        let ahead = taken.back_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let count = ahead.as_nanos().div_ceil(self.interval.as_nanos().max(1));
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self, taken: &mut Taken, now: Instant) -> bool {
        let free = self.taken(taken, now) < self.burst;
        if free {
            taken.back_at = Some(taken.back_at.map_or(now, |at| at.max(now)) + self.interval);
        }
        free
    }

    /// Gives one back before its time.
    pub(super) fn give_back(&self, taken: &mut Taken) {
        taken.back_at = taken.back_at.and_then(|at| at.checked_sub(self.interval));
    }

    /// Takes one in any case, and says from when on it may be used.
    pub(super) fn reserve(&self, taken: &mut Taken, now: Instant) -> Instant {
        let back_at = taken.back_at.map_or(now, |at| at.max(now)) + self.interval;
        taken.back_at = Some(back_at);
        let at_once = self.interval.saturating_mul(self.burst);
        back_at.checked_sub(at_once).map_or(now, |at| at.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_the_rate() {
        let (rate, mut taken, start) = (Rate::new(50, 100), Taken::default(), Instant::now());
        let at_once = (0..1000).filter(|_| rate.take(&mut taken, start)).count();
        assert_eq!(at_once, 100);
        assert!(!rate.take(&mut taken, start + ms(19)));
        assert!(rate.take(&mut taken, start + ms(20)));
        assert!(!rate.take(&mut taken, start + ms(20)));
        rate.give_back(&mut taken);
        assert!(rate.take(&mut taken, start + ms(20)));
        assert_eq!(rate.taken(&taken, start + ms(20) + ms(2000)), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reservation_waits_its_turn() {
        let (rate, mut taken, start) = (Rate::new(1000, 100), Taken::default(), Instant::now());
        let waits: Vec<_> = (0..300).map(|_| rate.reserve(&mut taken, start) - start).collect();
        assert!(waits[..100].iter().all(Duration::is_zero));
        assert_eq!((waits[100], waits[299]), (ms(1), ms(200)));
    }
}
