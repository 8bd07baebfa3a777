//! Which queue.

use std::fmt;

use meshwork_schema::{CommandName, Variant, WorkerName};
use serde::{Deserialize, Serialize};

/// Names one queue of a mesh: `worker.command`, or `worker.command@variant` where each instance
/// has its own because the command is broadcast.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueName {
    /// Whose command it is.
    pub worker: WorkerName,
    /// The command.
    pub command: CommandName,
    /// The instance, when the command is broadcast.
    pub variant: Option<Variant>,
}

impl QueueName {
    /// The queue that all instances of `worker` share.
    pub fn balanced(worker: WorkerName, command: CommandName) -> Self {
        Self { worker, command, variant: None }
    }

    /// The queue of one instance.
    pub fn of_instance(worker: WorkerName, command: CommandName, variant: Variant) -> Self {
        Self { worker, command, variant: Some(variant) }
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.worker, self.command)?;
        match &self.variant {
            Some(variant) => write!(f, "@{variant}"),
            None => Ok(()),
        }
    }
}
