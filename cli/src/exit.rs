//! Exit codes, and the error that a subcommand ends with.

use std::process::ExitCode;

use meshwork_shared::config::ConfigError;

/// How the command ended, for scripts. The numbers never change; `docs/CLI.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It did what it was asked to; a call was answered.
    Ok = 0,
    /// It did not: a schema with mistakes, a master that cannot start.
    Failed = 1,
    /// A call was not executed: no handler ran, safe to retry.
    NotExecuted = 10,
    /// A call reached its handler, which said no.
    CallFailed = 11,
    /// A call may have run: only an idempotent one is safe to retry.
    Unknown = 12,
    /// The command line or the configuration cannot be meant.
    Usage = 64,
    /// A file that was named cannot be read.
    NoInput = 66,
    /// No master answers there, or no store of queues.
    Unavailable = 69,
    /// The master refuses: wrong secret, wrong token, not in its schema.
    Refused = 77,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a subcommand stopped. Holds no secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandError {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What happened, one sentence.
    pub(crate) what: String,
    /// What to do, in whole lines.
    pub(crate) help: Option<String>,
}

impl CommandError {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), help: None }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }
}

/// A configuration with mistakes, all of them, as an error of a command.
pub(crate) fn mistaken(error: &ConfigError) -> CommandError {
    let report = error.to_string();
    let (what, rest) = report.split_once('\n').unwrap_or((&report, ""));
    CommandError::usage(what.trim_end_matches(':')).with_help(rest)
}

/// What a subcommand gives back.
pub(crate) type Outcome = Result<Exit, CommandError>;
