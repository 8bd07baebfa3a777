//! Who runs under a schema, as far as compatibility goes.

use std::collections::BTreeMap;

use crate::names::{CommandName, WorkerName};
use crate::schema::Schema;

/// The workers that have instances, and how many of those serve each command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    workers: BTreeMap<WorkerName, Instances>,
    /// Nobody knows who runs.
    assumed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Instances {
    count: usize,
    serving: BTreeMap<CommandName, usize>,
}

impl Running {
    /// Every worker of the schema, serving everything: for whoever does not know who runs.
    pub fn everything(schema: &Schema) -> Self {
        let mut running = Self { assumed: true, ..Self::default() };
        for worker in schema.workers() {
            let commands = || worker.commands.iter().map(|command| command.name.clone());
            // Two, since a worker may be linked to its own kind.
            running.add(worker.name.clone(), commands());
            running.add(worker.name.clone(), commands());
        }
        running
    }

    /// One more instance of `worker`, which serves these commands.
    pub fn add(&mut self, worker: WorkerName, commands: impl IntoIterator<Item = CommandName>) {
        let instances = self.workers.entry(worker).or_default();
        instances.count += 1;
        for command in commands {
            *instances.serving.entry(command).or_default() += 1;
        }
    }

    /// Whether it is not known who runs, so that everybody is taken to.
    pub fn is_assumed(&self) -> bool {
        self.assumed
    }

    /// Instances of a worker.
    pub fn instances(&self, worker: &str) -> usize {
        self.workers.get(worker).map_or(0, |instances| instances.count)
    }

    /// Instances of a worker that serve a command.
    pub fn serving(&self, worker: &str, command: &str) -> usize {
        let instances = self.workers.get(worker);
        instances.and_then(|instances| instances.serving.get(command)).copied().unwrap_or(0)
    }

    /// The workers that have instances, by name.
    pub(super) fn workers(&self) -> impl Iterator<Item = &WorkerName> + Clone {
        self.workers.keys()
    }

    /// Whether instances of the two can be linked to each other.
    pub(super) fn meet(&self, a: &str, b: &str) -> bool {
        let needed = if a == b { 2 } else { 1 };
        self.instances(a) >= needed && self.instances(b) >= needed
    }
}
