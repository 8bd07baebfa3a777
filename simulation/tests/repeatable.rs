//! The same seed twice is the same run, to the last entry of its journal.

use meshwork_simulation::run::Run;
use meshwork_simulation::scenario::{SCENARIOS, Scenario};

fn repeats(names: &[&str]) {
    for name in names {
        let scenario = Scenario::find(name).expect("the scenario is in the list");
        let run = Run { scenario, seed: 2001, traced: false };
        let (first, second) = (run.run(), run.run());
        assert_eq!(first.hash, second.hash, "{name} is not repeatable");
        assert_eq!(first.tally, second.tally);
    }
}

#[test]
fn the_same_seed_twice_gives_the_same_trace() {
    repeats(&["join-and-call", "simultaneous-dial", "leave-and-replace"]);
}

#[test]
fn cut_links_are_repeatable() {
    repeats(&["worker-partition", "stopped-worker", "partition-of-all"]);
}

#[test]
fn deaths_are_repeatable() {
    repeats(&["worker-crash", "power-loss", "master-crash"]);
}

#[test]
fn rebuilds_are_repeatable() {
    repeats(&["late-half", "rival"]);
}

#[test]
fn chaos_is_repeatable() {
    repeats(&["chaos"]);
}

#[test]
fn another_seed_is_another_run() {
    let run = |seed| Run { scenario: SCENARIOS[0], seed, traced: false }.run();
    assert_ne!(run(2001).hash, run(2002).hash);
}
