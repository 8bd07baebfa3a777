//! The scenarios: what is done to the mesh, in outline; the draws of a seed fill in who, when and
//! for how long.
//!
//! * `calm.rs`: nothing fails
//! * `cuts.rs`: the network fails
//! * `deaths.rs`: processes fail
//! * `rebuild.rs`: a master that comes back knowing less than its workers
//! * `rules.rs`: the schema changes
//! * `chaos.rs`: everything at once

mod calm;
mod chaos;
mod cuts;
mod deaths;
mod rebuild;
mod rules;

use std::time::Duration;

use crate::draw::Draw;
use crate::plan::{HostPlan, Kind, MASTER, Plan, SETTLE, Window};

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What `--scenario` takes.
    pub name: &'static str,
    /// What happens, in a sentence.
    pub about: &'static str,
    plan: fn(&Draw) -> Plan,
}

/// All of them.
pub const SCENARIOS: [Scenario; 16] = [
    Scenario {
        name: "join-and-call",
        about: "workers join in any order and call each other",
        plan: calm::join_and_call,
    },
    Scenario {
        name: "simultaneous-dial",
        about: "stores dial each other at the same moment, again and again",
        plan: calm::simultaneous_dial,
    },
    Scenario {
        name: "leave-and-replace",
        about: "a store shuts down while a new process takes its name",
        plan: calm::leave_and_replace,
    },
    Scenario {
        name: "master-partition",
        about: "the master is cut off from all workers, whose calls go on",
        plan: cuts::master_partition,
    },
    Scenario {
        name: "one-cut-off",
        about: "the master is cut off from one worker only, for longer than a lease",
        plan: cuts::one_cut_off,
    },
    Scenario {
        name: "worker-partition",
        about: "two workers are cut off from each other for a while",
        plan: cuts::worker_partition,
    },
    Scenario {
        name: "half-open",
        about: "all packets between two workers stop; both notice after 15 s",
        plan: cuts::half_open,
    },
    Scenario {
        name: "stopped-worker",
        about: "a worker is silent for half a minute, then everything it missed arrives",
        plan: cuts::stopped_worker,
    },
    Scenario {
        name: "partition-of-all",
        about: "nobody reaches anybody, master and workers, then all do again",
        plan: cuts::partition_of_all,
    },
    Scenario {
        name: "worker-crash",
        about: "workers die in the middle of calls; some come back",
        plan: deaths::worker_crash,
    },
    Scenario {
        name: "power-loss",
        about: "a worker is gone without a word; nothing closes its connections",
        plan: deaths::power_loss,
    },
    Scenario {
        name: "master-crash",
        about: "the master dies and comes back; no call is disturbed",
        plan: deaths::master_crash,
    },
    Scenario {
        name: "late-half",
        about: "a master restarts a minute behind; a replacement joins first, half the mesh late",
        plan: rebuild::late_half,
    },
    Scenario {
        name: "rival",
        about: "as late-half, but the process that is replaced lives and comes back",
        plan: rebuild::rival,
    },
    Scenario {
        name: "live-schema",
        about: "the schema changes under load; links that it forbids finish their calls",
        plan: rules::live_schema,
    },
    Scenario { name: "chaos", about: "faults of every kind at once", plan: chaos::chaos },
];

impl Scenario {
    /// The one of this name.
    pub fn find(name: &str) -> Option<Self> {
        SCENARIOS.into_iter().find(|scenario| scenario.name == name)
    }

    /// The one that a seed runs when none is asked for.
    pub fn of_seed(seed: u64) -> Self {
        SCENARIOS[(seed % SCENARIOS.len() as u64) as usize]
    }

    pub(crate) fn plan(&self, seed: u64) -> Plan {
        let mut plan = (self.plan)(&Draw::new(seed, self.name));
        plan.steps.sort_by_key(|(at, _)| *at);
        plan
    }
}

/// When everybody has joined and is linked, if nothing hinders it.
const JOINED: Duration = Duration::from_secs(8);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A mesh in which nothing happens yet: so many fronts and stores, which start in the first second
/// and a half.
fn mesh(draw: &Draw, fronts: usize, stores: usize) -> Plan {
    let fronts = (1..=fronts).map(|number| (Kind::Front, format!("front-{number}")));
    let stores = (1..=stores).map(|number| (Kind::Store, format!("store-{number}")));
    let host = |(kind, name): (Kind, String)| HostPlan {
        kind,
        variant: name.clone(),
        name,
        starts: draw.time(Duration::ZERO, millis(1500)),
        skew_ms: draw.signed(-5000, 5000),
    };
    let hosts: Vec<_> = fronts.chain(stores).map(host).collect();
    let shortest = draw.time(millis(1), millis(5));
    Plan {
        hosts,
        master_skew_ms: draw.signed(-5000, 5000),
        steps: Vec::new(),
        windows: Vec::new(),
        notices: Vec::new(),
        keeps_calls: false,
        narrowed: None,
        latency: (shortest, shortest + draw.time(millis(1), millis(25))),
        settle: SETTLE,
    }
}

/// A host that joins later under a variant of its own choice.
fn newcomer(draw: &Draw, name: &str, variant: &str, starts: Duration) -> HostPlan {
    HostPlan {
        name: name.to_owned(),
        kind: Kind::Store,
        variant: variant.to_owned(),
        starts,
        skew_ms: draw.signed(-5000, 5000),
    }
}

impl Plan {
    /// From when all have joined until `until`, calls go on but for these hosts and pairs.
    fn goes_on(&mut self, until: Duration, disturbed: &[&str], cut: &[(&str, &str)]) {
        let disturbed = disturbed.iter().map(ToString::to_string).collect();
        let cut = cut.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        self.windows.push(Window { from: JOINED, until, disturbed, cut });
    }

    /// The names of all hosts, the master's too.
    fn all_names(&self) -> Vec<String> {
        std::iter::once(MASTER.to_owned()).chain(self.names()).collect()
    }

    /// The names of hosts of a kind.
    fn named(&self, kind: Kind) -> Vec<String> {
        self.hosts.iter().filter(|h| h.kind == kind).map(|h| h.name.clone()).collect()
    }
}

/// Every pair, once.
fn pairs(names: &[String]) -> Vec<(String, String)> {
    let later = |(index, a): (usize, &String)| {
        let a = a.clone();
        names[index + 1..].iter().map(move |b| (a.clone(), b.clone())).collect::<Vec<_>>()
    };
    names.iter().enumerate().flat_map(later).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own_and_a_plan() {
        let mut names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SCENARIOS.len());
        for scenario in SCENARIOS {
            let plan = scenario.plan(3);
            assert!(plan.length() > plan.probes_from(), "{}", scenario.name);
            assert!(plan.length() < seconds(180), "{} is long", scenario.name);
        }
    }

    #[test]
    fn every_pair_comes_once() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(pairs(&names).len(), 3);
    }
}
