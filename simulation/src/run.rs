//! One run: a scenario under a seed, from its plan to the verdict.

use crate::checker::{self, Violation};
use crate::journal::{Journal, Trace};
use crate::mesh::Mesh;
use crate::observe;
use crate::scenario::Scenario;
use crate::tally::Tally;
use crate::virtual_time::VirtualTime;

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// What happens, in outline.
    pub scenario: Scenario,
    /// What fills it in.
    pub seed: u64,
    /// Prints the journal and the log as they are written.
    pub traced: bool,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The promises that were broken.
    pub violations: Vec<Violation>,
    /// The faults that were injected, and how calls ended.
    pub tally: Tally,
    /// Over everything in the journal: the same for every run of a seed.
    pub hash: u64,
}

impl Run {
    /// Runs it on this thread.
    pub fn run(self) -> Verdict {
        let plan = self.scenario.plan(self.seed);
        let time = VirtualTime::default();
        let journal = Journal::new(time.clone(), Trace::new(self.traced));
        observe::begin(self.traced.then(|| journal.clone()));
        let mut tally = Tally::default();
        let mut mesh = Mesh::new(self.seed, &plan, journal.clone(), time);
        let mut steps = plan.steps.iter().peekable();
        while mesh.elapsed() < plan.length() {
            while let Some((_, action)) = steps.next_if(|(at, _)| *at <= mesh.elapsed()) {
                tally.add(action.kind());
                mesh.apply(action);
            }
            if let Err(error) = mesh.step() {
                journal.broken(error);
                break;
            }
        }
        let (mut entries, hash) = journal.close();
        drop(mesh);
        entries.broken.extend(observe::finish());
        tally.add_entries(&entries);
        Verdict { violations: checker::check(&plan, &entries), tally, hash }
    }

    /// The command that repeats it.
    pub fn command(&self) -> String {
        let (seed, scenario) = (self.seed, self.scenario.name);
        format!("cargo run -p meshwork-simulation -- --seed {seed} --scenario {scenario} --trace")
    }
}
