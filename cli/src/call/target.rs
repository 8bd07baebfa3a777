//! `WORKER.COMMAND`, as typed.

use std::fmt;
use std::str::FromStr;

use meshwork_schema::{CommandName, WorkerName};

/// Whom to ask for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) worker: WorkerName,
    pub(crate) command: CommandName,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (worker, command) = text
            .split_once('.')
            .ok_or("write the worker, a dot and the command, as in thumbnailer.resize")?;
        let worker = worker.parse().map_err(|error| format!("the worker: {error}"))?;
        let command = command.parse().map_err(|error| format!("the command: {error}"))?;
        Ok(Self { worker, command })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.worker, self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_two_names() {
        let target: Target = "thumbnailer.resize".parse().unwrap();
        assert_eq!(target.to_string(), "thumbnailer.resize");
        for wrong in ["thumbnailer", "thumbnailer.", ".resize", "a.b.c", "a/b.c"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
