//! The same seed twice is the same run, to the last entry of its journal.

use meshwork_simulation::run::Run;
use meshwork_simulation::scenario::SCENARIOS;

#[test]
fn the_same_seed_twice_gives_the_same_trace() {
    for scenario in SCENARIOS {
        let run = Run { scenario, seed: 2001, traced: false };
        let (first, second) = (run.run(), run.run());
        assert_eq!(first.hash, second.hash, "{} is not repeatable", scenario.name);
        assert_eq!(first.tally, second.tally);
    }
}

#[test]
fn another_seed_is_another_run() {
    let run = |seed| Run { scenario: SCENARIOS[0], seed, traced: false }.run();
    assert_ne!(run(2001).hash, run(2002).hash);
}
