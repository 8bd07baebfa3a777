//! `meshwork queue`: the queues of durable jobs, for operators.

use clap::{Args, Subcommand};
use meshwork_master::http::dto::QueueRoots;

use crate::admin::AdminAccess;
use crate::exit::{Exit, Outcome};
use crate::http::Method;
use crate::terminal::{say, say_json};

/// Look after the queues of durable jobs
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork queue rotate-root
  meshwork queue forget-roots --master http://10.0.0.1:7071 --token-file admin.token --json

Exit codes: 0 done, 1 the master says no, 64 wrong usage, 66 the token cannot be read,
69 no master answers, 77 the master refuses the token."
)]
pub(crate) struct Queue {
    #[command(subcommand)]
    subcommand: QueueCommand,
    #[command(flatten)]
    access: AdminAccess,
    /// Print one line of JSON instead
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// Seal jobs in a shared store under a new root from now on
    ///
    /// Jobs that wait stay readable: the old roots are kept for 90 days, at most 8 in all.
    #[command(after_long_help = "\
Example:
  meshwork queue rotate-root

Exit codes: 0 done, 1 the master says no, 64 wrong usage, 66 the token cannot be read,
69 no master answers, 77 the master refuses the token.")]
    RotateRoot,
    /// Forget all queue roots but the newest
    ///
    /// A job that still waits under another becomes a dead letter, and replies under it cannot be
    /// read any more. The way to make a stolen key worthless.
    #[command(after_long_help = "\
Example:
  meshwork queue forget-roots

Exit codes: 0 done, 1 the master says no, 64 wrong usage, 66 the token cannot be read,
69 no master answers, 77 the master refuses the token.")]
    ForgetRoots,
}

impl Queue {
    pub(crate) fn run(self) -> Outcome {
        let path = match self.subcommand {
            QueueCommand::RotateRoot => "/v1/queue-root/rotate",
            QueueCommand::ForgetRoots => "/v1/queue-root/forget",
        };
        let roots: QueueRoots = self.access.http()?.ask(Method::Post, path)?;
        if self.json {
            say_json(&roots);
        } else {
            say(&format!(
                "jobs are sealed under queue root {} now; {} in all still open jobs\n",
                roots.epoch,
                roots.kept.len()
            ));
        }
        Ok(Exit::Ok)
    }
}
