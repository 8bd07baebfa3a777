//! A handful of seeds of every scenario. `cargo xtask test` runs a hundred more.

use meshwork_simulation::run::Run;
use meshwork_simulation::scenario::Scenario;

/// Runs a few seeds of a scenario; panics with everything that went wrong.
fn keeps_its_promises(name: &str) {
    let scenario = Scenario::find(name).expect("the scenario is in the list");
    let mut broken = Vec::new();
    for seed in 1001..=1002 {
        let run = Run { scenario, seed, traced: false };
        let violations = run.run().violations;
        if !violations.is_empty() {
            let lines = violations.iter().take(8).map(|violation| format!("\n  {violation}"));
            broken.push(format!("{}{}", run.command(), lines.collect::<String>()));
        }
    }
    assert!(broken.is_empty(), "broken promises; to see them:\n{}", broken.join("\n"));
}

macro_rules! scenarios {
    ($($test:ident = $name:literal;)*) => {$(
        #[test]
        fn $test() {
            keeps_its_promises($name);
        }
    )*};
}

scenarios! {
    join_and_call = "join-and-call";
    simultaneous_dial = "simultaneous-dial";
    leave_and_replace = "leave-and-replace";
    master_partition = "master-partition";
    one_worker_cut_off_from_the_master = "one-cut-off";
    worker_partition = "worker-partition";
    row_47_a_half_open_link_is_dead_after_15_s = "half-open";
    row_48_a_stopped_worker_comes_back = "stopped-worker";
    row_49_partition_of_all = "partition-of-all";
    worker_crash_mid_call = "worker-crash";
    power_loss = "power-loss";
    master_crash_and_restart = "master-crash";
    master_restart_with_half_the_workers_late = "late-half";
    rivals_for_a_name_after_a_restart = "rival";
    chaos = "chaos";
}
