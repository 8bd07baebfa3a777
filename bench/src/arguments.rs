//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::point::{Payload, Point};
use crate::queue::arguments::{QueueArguments, RoleArguments};
use crate::what::What;

/// Measures calls beside a bare encrypted echo, two processes held to a core each.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
#[command(after_help = "Examples:\n  \
    cargo xtask bench                            everything, about twelve minutes\n  \
    cargo xtask bench -- --only 64x64 --runs 2   one payload and depth, twice\n  \
    cargo xtask bench -- --only call --json      only the real thing, for machines\n  \
    cargo xtask bench --peers --only peers       beside what people would use instead\n  \
    cargo xtask bench queue                      durable jobs through Redis\n  \
    cargo xtask bench dashboard                  what the dashboard costs the master\n  \
    cargo xtask bench -- hostile                 what floods cost")]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) suite: SuiteArguments,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Measure durable jobs through Redis beside bare streams and what people would use instead
    Queue(QueueArguments),
    /// One process of `queue`; started by the benchmark itself
    #[command(hide = true)]
    QueueRole(RoleArguments),
    /// Flood a process and measure who still gets in, what it costs, and what refusals tell
    Hostile(HostileArguments),
    /// The server of a point; started by the benchmark itself
    #[command(hide = true)]
    Serve(ServeArguments),
    /// The client of a point; started by the benchmark itself
    #[command(hide = true)]
    Drive(DriveArguments),
    /// The many clients of `links`; started by the benchmark itself
    #[command(hide = true)]
    Join(JoinArguments),
    /// Many members of a mesh in one process; started by `bench dashboard` and `e2e dashboard`
    #[command(hide = true)]
    Crowd(CrowdArguments),
    /// One part of `hostile`; started by the benchmark itself
    #[command(hide = true)]
    Attack(AttackArguments),
}

#[derive(Args)]
pub(crate) struct SuiteArguments {
    /// Measured time of each point, seconds
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// Times that every point is measured; the median counts
    #[arg(long, default_value_t = 5)]
    pub(crate) runs: usize,
    /// Only these points: `limit`, `link`, `call`, `call_json`, `broadcast32`, `eight`, `beside`,
    /// `metrics`, `links`, a size such as `64x1024` or `jsonx64`, or both as in `call/64x1024`; of
    /// the peers `nats`, `tonic`, `ractor`, `telepathy`, or `peers` for all. What they are compared
    /// with is always measured with them
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Threads that carry links, in both processes; 0 puts sockets and callers on one thread
    #[arg(long, default_value_t = 0)]
    pub(crate) lanes: usize,
    /// Measure what people would use instead as well: NATS (its nats-server must be installed),
    /// gRPC (tonic), ractor_cluster and actix-telepathy
    #[arg(long, requires = "peers_program")]
    pub(crate) peers: bool,
    /// The program that they are in; `cargo xtask bench --peers` builds and names it
    #[arg(long, hide = true)]
    pub(crate) peers_program: Option<PathBuf>,
    /// Print a line of JSON per point and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the table to this file as well, as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write a plot of the calls per second with 64 B to this file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

impl SuiteArguments {
    /// The program that measures a peer; none if the point is our own.
    pub(crate) fn program_of(&self, what: What) -> Option<&Path> {
        self.peers_program.as_deref().filter(|_| what.is_peer())
    }
}

#[derive(Args)]
pub(crate) struct ServeArguments {
    #[arg(long)]
    pub(crate) role: Role,
    #[arg(long, default_value_t = 0)]
    pub(crate) lanes: usize,
    /// The master that an instance joins.
    #[arg(long, default_value = "")]
    pub(crate) master: String,
}

/// What a server process serves.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// The bare echo.
    Limit,
    /// The bare echo that writes in pieces what it read together.
    Pieces,
    /// Links without workers.
    Link,
    /// A master alone.
    Master,
    /// A mesh: its master and one worker.
    Call,
    /// The same, whose worker neither counts nor traces.
    Plain,
    /// A master and many workers.
    Crowd,
    /// One worker of the mesh of a master elsewhere.
    Instance,
    /// Links behind handshakes, as strangers find them.
    Victim,
    /// The same, with no bound on how often this machine may knock.
    TrustingVictim,
}

impl Role {
    /// Its name, as on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Pieces => "pieces",
            Self::Link => "link",
            Self::Master => "master",
            Self::Call => "call",
            Self::Plain => "plain",
            Self::Crowd => "crowd",
            Self::Instance => "instance",
            Self::Victim => "victim",
            Self::TrustingVictim => "trusting-victim",
        }
    }
}

#[derive(Args)]
pub(crate) struct DriveArguments {
    #[arg(long)]
    pub(crate) what: What,
    #[arg(long)]
    pub(crate) payload: Payload,
    #[arg(long)]
    pub(crate) in_flight: usize,
    #[arg(long)]
    pub(crate) seconds: f64,
    #[arg(long)]
    pub(crate) lanes: usize,
    /// The limits, each to be echoed by, or the master of the mesh.
    #[arg(long, value_delimiter = ',')]
    pub(crate) address: Vec<SocketAddr>,
    /// The processes that serve, whose time is counted too.
    #[arg(long, value_delimiter = ',')]
    pub(crate) server: Vec<u32>,
}

impl DriveArguments {
    pub(crate) fn point(&self) -> Point {
        Point { what: self.what, payload: self.payload, in_flight: self.in_flight }
    }
}

#[derive(Args)]
pub(crate) struct JoinArguments {
    #[arg(long)]
    pub(crate) master: SocketAddr,
    /// Workers that join first, so that what does not grow with links is there.
    #[arg(long)]
    pub(crate) few: usize,
    /// Workers that join all at once a while later.
    #[arg(long)]
    pub(crate) many: usize,
}

#[derive(Args)]
pub(crate) struct CrowdArguments {
    /// Where the master's HTTP side is.
    #[arg(long)]
    pub(crate) master: String,
    /// The file of the mesh secret.
    #[arg(long)]
    pub(crate) secret_file: PathBuf,
    /// Members, of all workers.
    #[arg(long, default_value_t = 100)]
    pub(crate) members: usize,
    /// Calls a second of all gateways together.
    #[arg(long, default_value_t = 100)]
    pub(crate) calls_per_s: u32,
}

#[derive(Args)]
pub(crate) struct HostileArguments {
    /// Measured time of each part, seconds
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// Connections a second of the flood of strangers
    #[arg(long, default_value_t = 1000)]
    pub(crate) rate: u32,
    /// Sockets that the half-open flood opens
    #[arg(long, default_value_t = 10_000)]
    pub(crate) sockets: u32,
    /// Refusals of each kind that are timed
    #[arg(long, default_value_t = 2000)]
    pub(crate) refusals: u32,
    /// Print a line of JSON per figure and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct AttackArguments {
    #[arg(long)]
    pub(crate) part: Part,
    #[arg(long)]
    pub(crate) address: SocketAddr,
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    #[arg(long, default_value_t = 1000)]
    pub(crate) count: u32,
}

/// What one process of `hostile` does.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Strangers from 127.0.0.1, `count` a second.
    FloodHere,
    /// Strangers from 127.0.0.2, `count` a second.
    FloodThere,
    /// `count` sockets over the time that say nothing or half of something.
    HalfOpen,
    /// A holder of the secret on 127.0.0.1 that joins again and again.
    Join,
    /// A holder of the secret that calls over a link, one call a millisecond.
    Live,
    /// `count` refusals for an unknown key id and `count` for a wrong key.
    Refusals,
}
