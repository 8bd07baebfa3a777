//! The resolved schema: what the whole mesh agrees on. One that exists is valid.

use crate::access::Access;
use crate::command::CommandSchema;
use crate::names::WorkerName;

/// A worker of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSchema {
    /// Its name, unique in the schema.
    pub name: WorkerName,
    /// Who may link to it.
    pub allow: Access,
    /// Whom it dials.
    pub connect: Access,
    /// Its commands, sorted by name; the index of one is its number on the wire.
    pub commands: Vec<CommandSchema>,
}

impl WorkerSchema {
    /// The command of this name and its number on the wire.
    pub fn command(&self, name: &str) -> Option<(u16, &CommandSchema)> {
        let index = self.commands.binary_search_by(|c| c.name.as_str().cmp(name)).ok()?;
        Some((u16::try_from(index).ok()?, self.commands.get(index)?))
    }

    /// The command with this number on the wire.
    pub fn command_at(&self, number: u16) -> Option<&CommandSchema> {
        self.commands.get(usize::from(number))
    }
}

/// Who is in a mesh, who may link to whom, and who may ask what.
///
/// ```
/// use meshwork_schema::Schema;
///
/// let schema = Schema::from_toml(r#"
///     [thumbnailer]
///     _allow = ["gateway"]
///     [thumbnailer._commands._balanced]
///     resize = {}
///     [gateway]
///     _connect = ["thumbnailer"]
/// "#)?;
/// assert!(schema.dials("gateway", "thumbnailer"));
/// assert!(schema.may_call("gateway", "thumbnailer", "resize"));
/// # Ok::<(), meshwork_schema::SchemaErrors>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Sorted by name, each name once; so are the commands of each.
    workers: Vec<WorkerSchema>,
}

impl Schema {
    /// Takes workers that the resolver has checked.
    pub(crate) fn from_checked(mut workers: Vec<WorkerSchema>) -> Self {
        workers.sort_by(|a, b| a.name.cmp(&b.name));
        for worker in &mut workers {
            worker.commands.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Self { workers }
    }

    /// All workers, sorted by name.
    pub fn workers(&self) -> &[WorkerSchema] {
        &self.workers
    }

    /// The worker of this name.
    pub fn worker(&self, name: &str) -> Option<&WorkerSchema> {
        let index = self.workers.binary_search_by(|w| w.name.as_str().cmp(name)).ok()?;
        self.workers.get(index)
    }

    /// A command of a worker, by their names.
    pub fn command(&self, worker: &str, command: &str) -> Option<&CommandSchema> {
        self.worker(worker)?.command(command).map(|(_, command)| command)
    }

    /// Whether instances of `from` dial instances of `to`: `from._connect` names `to` and
    /// `to._allow` names `from`. False if either is not in the schema.
    pub fn dials(&self, from: &str, to: &str) -> bool {
        let (Some(dialer), Some(listener)) = (self.worker(from), self.worker(to)) else {
            return false;
        };
        dialer.connect.names(to) && listener.allow.names(from)
    }

    /// Whether instances of the two have a link, whoever of them dials.
    pub fn linked(&self, a: &str, b: &str) -> bool {
        self.dials(a, b) || self.dials(b, a)
    }

    /// Whether `caller` may call this command of `callee`: they are linked, the command exists and
    /// does not exclude the caller.
    pub fn may_call(&self, caller: &str, callee: &str, command: &str) -> bool {
        let found = self.command(callee, command);
        found.is_some_and(|found| found.admits(caller)) && self.linked(caller, callee)
    }

    /// Whether `caller` may give this command of `callee` jobs: who may call it, and the callee
    /// itself, for what falls due by the schema's own word is enqueued by it.
    pub fn may_enqueue(&self, caller: &str, callee: &str, command: &str) -> bool {
        caller == callee || self.may_call(caller, callee, command)
    }
}

#[cfg(test)]
mod tests;
