//! What may be typed, and which file carries it out.

use std::time::Duration;

use clap::{Parser, Subcommand};
use meshwork_schema::duration::{self, DurationError};
use meshwork_shared::logging::{self, Format};

use crate::exit::{Exit, Outcome};
use crate::{call, demo, events, health, keygen, master, members, queue, schema, top, why};

/// Shown below the list of subcommands.
const AFTER: &str = "\
Start here:
  meshwork demo                         a small mesh in this process, nothing to set up
  meshwork schema check mesh.toml       is my schema right, and what does it say?
  meshwork keygen --out mesh.secret     the secret that makes processes one mesh
  meshwork top                          the mesh live in this terminal
  meshwork why gateway shop.order       can it call that, and if not, what says no?

Exit codes (docs/CLI.md): 0 done, 1 failed, 10 call not executed, 11 call failed,
12 unknown whether the call ran, 64 wrong usage, 66 a file cannot be read,
69 no master or store answers, 77 the master refuses.

Logs go to standard error; RUST_LOG=debug shows more, --log-format json is for
programs. NO_COLOR=1 turns colours off.";

/// Run, watch and call a mesh of workers.
#[derive(Debug, Parser)]
#[command(name = "meshwork", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    subcommand: Meshwork,
    /// Form of the log's lines on standard error: human or json
    #[arg(long, global = true, value_name = "FORM")]
    log_format: Option<Format>,
}

#[derive(Debug, Subcommand)]
enum Meshwork {
    Demo(demo::Demo),
    Master(master::RunMaster),
    Members(members::Members),
    Health(health::Health),
    Top(top::Top),
    Events(events::Events),
    Why(why::Why),
    Call(Box<call::Call>),
    Queue(queue::Queue),
    /// Check a schema, show what it says, put it in force
    #[command(
        subcommand,
        after_help = "Examples:\n  meshwork schema check mesh.toml\n  \
                      meshwork schema apply mesh.toml --dry-run"
    )]
    Schema(schema::SchemaCommand),
    Keygen(keygen::Keygen),
}

/// Reads the command line.
///
/// # Errors
/// What to exit with: help and version were shown and that is all (0), or it cannot be meant (64).
pub(crate) fn parse() -> Result<Arguments, Exit> {
    Arguments::try_parse().map_err(|error| {
        // Help goes to standard output, mistakes to standard error; a closed stream is no matter.
        let _ = error.print();
        if error.use_stderr() { Exit::Usage } else { Exit::Ok }
    })
}

/// A duration as typed: `500ms`, `5s`, `1m30s`.
///
/// # Errors
/// What to type instead.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| match error {
        DurationError::Shape => "say a number and a unit, as in 500ms, 5s or 1m30s".to_owned(),
        DurationError::TooLong => "at most a day".to_owned(),
    })
}

impl Arguments {
    /// Carries it out.
    pub(crate) fn run(self) -> Outcome {
        self.log_format.into_iter().for_each(logging::prefer);
        match self.subcommand {
            Meshwork::Demo(command) => command.run(),
            Meshwork::Master(command) => command.run(),
            Meshwork::Schema(command) => command.run(),
            Meshwork::Keygen(command) => command.run(),
            Meshwork::Members(command) => command.run(),
            Meshwork::Health(command) => command.run(),
            Meshwork::Top(command) => command.run(),
            Meshwork::Events(command) => command.run(),
            Meshwork::Why(command) => command.run(),
            Meshwork::Call(command) => command.run(),
            Meshwork::Queue(command) => command.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
