//! `meshwork queue rotate-root` and `forget-roots`: the keys that jobs are sealed with.

use clap::Args;
use meshwork_master::http::dto::QueueRoots;

use crate::admin::AdminAccess;
use crate::exit::{Exit, Outcome};
use crate::http::Method;
use crate::terminal::{say, say_json};

/// Seal jobs in a shared store under a new root from now on
///
/// Jobs that wait stay readable: the old roots are kept for 90 days, at most 8 in all.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  meshwork queue rotate-root
  meshwork queue rotate-root --master http://10.0.0.1:7071 --token-file admin.token --json

Exit codes: 0 done, 1 the master says no, 64 wrong usage, 66 the token cannot be read,
69 no master answers, 77 the master refuses the token.")]
pub(super) struct RotateRoot {
    #[command(flatten)]
    access: AdminAccess,
}

/// Forget all queue roots but the newest
///
/// A job that still waits under another becomes a dead letter, and replies under it cannot be
/// read any more. The way to make a stolen key worthless.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Example:
  meshwork queue forget-roots

Exit codes: 0 done, 1 the master says no, 64 wrong usage, 66 the token cannot be read,
69 no master answers, 77 the master refuses the token.")]
pub(super) struct ForgetRoots {
    #[command(flatten)]
    access: AdminAccess,
}

impl RotateRoot {
    pub(super) fn run(self, json: bool) -> Outcome {
        change(&self.access, "/v1/queue-root/rotate", json)
    }
}

impl ForgetRoots {
    pub(super) fn run(self, json: bool) -> Outcome {
        change(&self.access, "/v1/queue-root/forget", json)
    }
}

fn change(access: &AdminAccess, path: &str, json: bool) -> Outcome {
    let roots: QueueRoots = access.http()?.ask(Method::Post, path)?;
    if json {
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
