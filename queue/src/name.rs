//! Which queue.

use std::fmt;
use std::str::FromStr;

use meshwork_schema::{CommandName, Variant, WorkerName};
use serde::{Deserialize, Serialize};
use thiserror::Error;

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

/// Why a text is no name of a queue; it says what to write. The fault of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct QueueNameError(String);

impl FromStr for QueueName {
    type Err = QueueNameError;

    /// Reads what Display prints.
    fn from_str(text: &str) -> Result<Self, QueueNameError> {
        let shape = "write the worker, a dot and the command, as in thumbnailer.resize";
        let (worker, rest) =
            text.split_once('.').ok_or_else(|| QueueNameError(shape.to_owned()))?;
        let (command, variant) = match rest.split_once('@') {
            Some((command, variant)) => (command, Some(variant)),
            None => (rest, None),
        };
        let wrong =
            |what: &str, error: &dyn fmt::Display| QueueNameError(format!("{what}: {error}"));
        let worker = worker.parse().map_err(|error| wrong("the worker", &error))?;
        let command = command.parse().map_err(|error| wrong("the command", &error))?;
        let variant = variant.map(str::parse).transpose();
        let variant = variant.map_err(|error| wrong("the variant", &error))?;
        Ok(Self { worker, command, variant })
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
