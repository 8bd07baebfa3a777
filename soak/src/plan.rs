//! Who is killed when, drawn from a seed. Pure.
//!
//! Time is counted in jobs, not in seconds: the run is cut into as many parts as there are kills
//! and one more, the producer is let into the next part only when the kill of this one is behind
//! it, and the moment is a number of jobs within the part. So every kill hits processes that are at
//! work, on a fast machine and on a slow one.

use std::time::Duration;

use meshwork_shared::random::Random;

/// How long Redis stays away, milliseconds: up to more than the lease of a job.
const REDIS_DOWN_MS: (u64, u64) = (0, 2500);

/// One outage of so many outlasts the patience of whoever enqueues with a long deadline.
const LONG_EVERY: usize = 4;

/// How long such an outage is, milliseconds.
const REDIS_LONG_MS: (u64, u64) = (5500, 7000);

/// How long a producer or worker stays away, milliseconds.
const PROCESS_DOWN_MS: (u64, u64) = (0, 200);

/// The part of a window within which its kill lies, percent: not so late that jobs which a killed
/// worker held would be waited for.
const MOMENT_PERCENT: (u64, u64) = (5, 80);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    /// The process that enqueues.
    Producer,
    /// One of those that run jobs.
    Worker,
    /// The store.
    Redis,
}

impl Victim {
    pub(crate) const ALL: [Self; 3] = [Self::Producer, Self::Worker, Self::Redis];

    /// Its name, for people and machines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Worker => "worker",
            Self::Redis => "redis",
        }
    }
}

/// One kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    pub(crate) victim: Victim,
    /// Due when so many jobs were acknowledged (of a producer), have run (of a worker), or half of
    /// both together (of Redis).
    pub(crate) due: u32,
    /// How long it stays away.
    pub(crate) down: Duration,
}

/// All kills in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) jobs: u32,
    pub(crate) kills: Vec<Kill>,
}

impl Plan {
    /// Draws `kills` of each victim over a run of `jobs`.
    pub(crate) fn draw(jobs: u32, kills: u32, random: &Random) -> Self {
        let mut victims: Vec<Victim> =
            Victim::ALL.iter().flat_map(|victim| vec![*victim; kills as usize]).collect();
        for at in (1..victims.len()).rev() {
            victims.swap(at, random.below(at as u64 + 1) as usize);
        }
        let parts = victims.len() as u64 + 1;
        let mut outages = 0;
        let kill = |(part, victim): (usize, Victim)| {
            let (first, last) =
                (part as u64 * u64::from(jobs) / parts, Self::end(jobs, part, parts));
            let (low, high) = MOMENT_PERCENT;
            let percent = low + random.below(high - low);
            let due = first + (last - first) * percent / 100;
            outages += usize::from(victim == Victim::Redis);
            let (shortest, longest) = match victim {
                Victim::Redis if outages.is_multiple_of(LONG_EVERY) => REDIS_LONG_MS,
                Victim::Redis => REDIS_DOWN_MS,
                Victim::Producer | Victim::Worker => PROCESS_DOWN_MS,
            };
            let down_ms = shortest + random.below(longest - shortest);
            Kill { victim, due: due as u32, down: Duration::from_millis(down_ms) }
        };
        Self { jobs, kills: victims.into_iter().enumerate().map(kill).collect() }
    }

    /// How many jobs may be enqueued while `done` kills are behind.
    pub(crate) fn allowance(&self, done: usize) -> u32 {
        Self::end(self.jobs, done, self.kills.len() as u64 + 1) as u32
    }

    fn end(jobs: u32, part: usize, parts: u64) -> u64 {
        (part as u64 + 1) * u64::from(jobs) / parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_killed_as_often_as_asked_for() {
        let plan = Plan::draw(20_000, 20, &Random::seeded(3));
        for victim in Victim::ALL {
            assert_eq!(plan.kills.iter().filter(|kill| kill.victim == victim).count(), 20);
        }
    }

    #[test]
    fn the_same_seed_is_the_same_plan() {
        let draw = |seed| Plan::draw(5000, 7, &Random::seeded(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_kill_is_due_before_the_producer_waits_for_it() {
        for seed in 0..50 {
            let plan = Plan::draw(2000, 4, &Random::seeded(seed));
            let mut before = 0;
            for (done, kill) in plan.kills.iter().enumerate() {
                assert!(before <= kill.due, "{seed}: it would be due in the part before");
                assert!(kill.due < plan.allowance(done), "{seed}: nobody would get there");
                before = plan.allowance(done);
            }
            assert_eq!(plan.allowance(plan.kills.len()), 2000);
        }
    }

    #[test]
    fn without_kills_everything_may_be_enqueued() {
        let plan = Plan::draw(100, 0, &Random::seeded(1));
        assert_eq!((plan.kills.len(), plan.allowance(0)), (0, 100));
    }
}
