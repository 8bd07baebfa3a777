//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

/// Runs real processes for a while, kills them, and checks what is promised.
#[derive(Parser)]
#[command(name = "cargo xtask soak", bin_name = "cargo xtask soak")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Durable jobs: a producer, workers and a Redis server that are killed again and again
    Queue(QueueArguments),
    /// The master of the mesh; started by the soak itself
    #[command(hide = true)]
    Master,
    /// A worker that runs jobs; started by the soak itself
    #[command(hide = true)]
    Runner(RunnerArguments),
    /// A worker that enqueues jobs; started by the soak itself
    #[command(hide = true)]
    Producer(ProducerArguments),
}

/// Options of `queue`.
#[derive(Args)]
#[command(long_about = "\
A producer enqueues numbered jobs, workers run them, a Redis server of its own keeps them. All \
but the master are killed with SIGKILL at moments drawn from a seed, each many times, and started \
again. Producer and workers write down what they were told and what they ran. In the end every job \
that was acknowledged must have run at least once, none that was said not to be stored may have \
run, the queue must be empty, and no job may be a dead letter. How many ran twice is told: \
at least once is what is promised.")]
#[command(after_help = "Examples:\n  \
    cargo xtask soak queue                      20 000 jobs, 20 kills of each\n  \
    cargo xtask soak queue --short              2000 jobs, 4 kills of each: what CI runs\n  \
    cargo xtask soak queue --fsync everysec     the same on a server that syncs each second\n  \
    cargo xtask soak queue --seed 7 --json      a given order of kills, one line for machines\n\n\
Exit codes: 0 every promise was kept, 1 one was broken or something failed, 2 wrong arguments,\n\
3 there is no redis-server to run it with, 130 interrupted. Everything it started ends with it.")]
pub(crate) struct QueueArguments {
    /// Chooses who is killed when [default: drawn, and printed]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Jobs to enqueue [default: 20000, with --short 2000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(100..=60_000))]
    pub(crate) jobs: Option<u32>,
    /// Times that each of producer, workers and Redis is killed [default: 20, with --short 4]
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=200))]
    pub(crate) kills: Option<u32>,
    /// Worker processes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) workers: u32,
    /// When Redis syncs what it wrote to its append-only file
    #[arg(long, value_enum, default_value_t = Fsync::Always)]
    pub(crate) fsync: Fsync,
    /// Fewer jobs and kills, for a check on the way
    #[arg(long)]
    pub(crate) short: bool,
    /// Longest time of the whole run, seconds; over it, the run has failed [default: 1200, with
    /// --short 600]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) within: Option<u64>,
    /// Keep the logs of all processes in this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Print one line of JSON and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

impl QueueArguments {
    /// Jobs, kills of each, and seconds, as asked for or as it is usual.
    pub(crate) fn size(&self) -> (u32, u32, u64) {
        let (jobs, kills, within) = if self.short { (2000, 4, 600) } else { (20_000, 20, 1200) };
        let (jobs, kills) = (self.jobs.unwrap_or(jobs), self.kills.unwrap_or(kills));
        (jobs, kills, self.within.unwrap_or(within))
    }
}

/// When Redis syncs its append-only file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fsync {
    /// With each write, before it answers.
    Always,
    /// Once a second.
    Everysec,
}

impl Fsync {
    /// Its name, as Redis has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Everysec => "everysec",
        }
    }
}

#[derive(Args)]
pub(crate) struct RunnerArguments {
    #[command(flatten)]
    pub(crate) mesh: MeshArguments,
    #[arg(long)]
    pub(crate) variant: String,
}

#[derive(Args)]
pub(crate) struct ProducerArguments {
    #[command(flatten)]
    pub(crate) mesh: MeshArguments,
    #[arg(long)]
    pub(crate) jobs: u32,
    /// Ids of jobs are made of it.
    #[arg(long)]
    pub(crate) seed: u64,
}

/// What every worker is told.
#[derive(Args)]
pub(crate) struct MeshArguments {
    #[arg(long)]
    pub(crate) master: String,
    /// Where the queues are.
    #[arg(long)]
    pub(crate) queue: String,
    /// The journal that it writes.
    #[arg(long)]
    pub(crate) journal: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_one() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_asked_for_wins_over_what_is_usual() {
        let parse = |words: &[&str]| {
            let words = ["soak", "queue"].iter().chain(words);
            let Command::Queue(queue) = Arguments::parse_from(words).command else { panic!() };
            queue.size()
        };
        assert_eq!(parse(&[]), (20_000, 20, 1200));
        assert_eq!(parse(&["--short", "--kills", "9"]), (2000, 9, 600));
    }
}
