//! The command line of `queue`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::measure::Measure;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask bench queue                        everything but peers, about three minutes\n  \
    cargo xtask bench queue --peers                beside BullMQ and apalis-redis\n  \
    cargo xtask bench queue --only queue --runs 1  one figure and what it is compared with\n  \
    cargo xtask bench queue --only million         a million waiting jobs")]
pub(crate) struct QueueArguments {
    /// How long a producer produces, seconds
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// Times that everything is measured; the median counts
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// Only these; what they are compared with is always measured with them
    #[arg(long, value_delimiter = ',', value_enum)]
    pub(crate) only: Vec<Measure>,
    /// Measure what people would use instead as well: BullMQ (needs npm) and apalis-redis
    #[arg(long)]
    pub(crate) peers: bool,
    /// Measure with a million waiting jobs as well
    #[arg(long)]
    pub(crate) million: bool,
    /// Print a line of JSON per measure and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the table to this file as well, as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// The program of apalis-redis; `cargo xtask bench queue --peers` builds and names it
    #[arg(long, hide = true)]
    pub(crate) apalis_program: Option<PathBuf>,
    /// The folder of BullMQ's programs; `cargo xtask bench queue --peers` prepares and names it
    #[arg(long, hide = true)]
    pub(crate) bullmq_folder: Option<PathBuf>,
}

impl QueueArguments {
    /// What is measured, in its order.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        let chosen = Measure::value_variants().iter().copied().filter(|measure| {
            let named = if self.only.is_empty() {
                match measure {
                    Measure::Million => self.million,
                    measure => !measure.is_peer() || self.peers,
                }
            } else {
                self.only.iter().any(|only| only == measure || only.compared_with() == [*measure])
                    || self.only.iter().any(|only| only.compared_with().contains(measure))
            };
            named && self.why_not(*measure).is_none()
        });
        chosen.collect()
    }

    /// What was asked for and cannot be measured, and why.
    pub(crate) fn skipped(&self) -> Vec<(Measure, &'static str)> {
        let asked = |measure: &Measure| {
            measure.is_peer() && (self.peers && self.only.is_empty() || self.only.contains(measure))
        };
        let peers = Measure::value_variants().iter().copied().filter(asked);
        peers.filter_map(|measure| Some((measure, self.why_not(measure)?))).collect()
    }

    fn why_not(&self, measure: Measure) -> Option<&'static str> {
        match measure {
            Measure::Bullmq if self.bullmq_folder.is_none() => {
                Some("it needs npm and --peers (Debian: apt-get install -y npm)")
            }
            Measure::Apalis if self.apalis_program.is_none() => {
                Some("start it by `cargo xtask bench queue --peers`, which builds it")
            }
            _ => None,
        }
    }
}

/// One process of `queue`, as the benchmark starts it.
#[derive(Args)]
pub(crate) struct RoleArguments {
    #[arg(long)]
    pub(crate) role: Role,
    /// Where the queues are.
    #[arg(long, default_value = "memory")]
    pub(crate) queue: String,
    /// Where the master of the mesh is.
    #[arg(long, default_value = "")]
    pub(crate) master: String,
    #[arg(long, default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// Entries of a pipeline, and of a read, of bare streams.
    #[arg(long, default_value_t = 64)]
    pub(crate) at_once: usize,
    /// Jobs, where they and not the time are given.
    #[arg(long, default_value_t = 0)]
    pub(crate) jobs: u64,
}

/// What a process of `queue` does.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// The master of the mesh.
    Master,
    /// Enqueues through a worker.
    Producer,
    /// Runs jobs in a worker.
    Worker,
    /// The same; tells the time that so many took.
    LimitedWorker,
    /// The same; tells how long each was on the way.
    StampWorker,
    /// Enqueues one job at a time.
    Pacer,
    /// Stores many jobs in batches.
    Filler,
    /// Stores so many jobs, one call each.
    Counted,
    /// A worker whose 20 queues are empty.
    Idler,
    /// Adds to a bare stream.
    BareProducer,
    /// Reads a bare stream and acknowledges.
    BareWorker,
    /// The memory backend by itself.
    Memory,
    /// Jobs in memory through two workers.
    MemoryWorker,
}

impl Role {
    /// Its name, as on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}
