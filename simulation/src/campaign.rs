//! Many runs, on as many threads as there are cores; each run stays on one thread.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::run::{Run, Verdict};
use crate::scenario::{SCENARIOS, Scenario};
use crate::tally::Tally;

/// Which runs to make.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The seeds.
    pub seeds: Range<u64>,
    /// What they run.
    pub scenarios: Scenarios,
    /// Runs at a time; `None`: one per core.
    pub threads: Option<NonZeroUsize>,
}

/// What the seeds of a campaign run.
#[derive(Clone, Copy, Debug)]
pub enum Scenarios {
    /// One scenario per seed, all of them in turn.
    InTurn,
    /// Every scenario under every seed.
    All,
    /// This one under every seed.
    One(Scenario),
}

/// What came of a campaign.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Runs that were made.
    pub runs: u64,
    /// Runs that broke a promise, by seed.
    pub failed: Vec<(Run, Verdict)>,
    /// Faults and outcomes of all runs together.
    pub tally: Tally,
}

impl Campaign {
    /// Every run, in order.
    pub fn runs(&self) -> Vec<Run> {
        let run = |seed, scenario| Run { scenario, seed, traced: false };
        let of_seed = |seed| match self.scenarios {
            Scenarios::InTurn => vec![run(seed, Scenario::of_seed(seed))],
            Scenarios::All => SCENARIOS.iter().map(|scenario| run(seed, *scenario)).collect(),
            Scenarios::One(scenario) => vec![run(seed, scenario)],
        };
        self.seeds.clone().flat_map(of_seed).collect()
    }

    /// Makes all runs; `done` is told of each.
    pub fn run(&self, mut done: impl FnMut(&Run, &Verdict)) -> Report {
        let runs = self.runs();
        let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = self.threads.unwrap_or_else(cores).get();
        let next = Mutex::new(runs.into_iter());
        let mut report = Report::default();
        thread::scope(|scope| {
            let (sender, verdicts) = sync_channel(threads);
            for _ in 0..threads {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    let take = || next.lock().ok().and_then(|mut runs| runs.next());
                    while let Some(run) = take() {
                        if sender.send((run, run.run())).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for (run, verdict) in verdicts {
                done(&run, &verdict);
                report.runs += 1;
                report.tally.merge(&verdict.tally);
                if !verdict.violations.is_empty() {
                    report.failed.push((run, verdict));
                }
            }
        });
        report.failed.sort_by_key(|(run, _)| (run.seed, run.scenario.name));
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_run_under_what_was_asked_for() {
        let campaign = |scenarios| Campaign { seeds: 3..5, scenarios, threads: None };
        let seeds: Vec<_> = campaign(Scenarios::InTurn).runs().iter().map(|r| r.seed).collect();
        assert_eq!(seeds, [3, 4]);
        assert_eq!(campaign(Scenarios::All).runs().len(), 2 * SCENARIOS.len());
        let one = campaign(Scenarios::One(SCENARIOS[1])).runs();
        assert!(one.iter().all(|run| run.scenario.name == SCENARIOS[1].name));
    }
}
