//! The command line, as the benchmark writes it.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// What people would use instead, for `cargo xtask bench --peers`.
#[derive(Parser)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The server of a peer, with its broker if it has one
    Serve {
        #[arg(long)]
        role: Peer,
    },
    /// The client of a peer
    Drive(DriveArguments),
}

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// Request and reply of NATS, through its server.
    Nats,
    /// gRPC.
    Tonic,
    /// Calls of `ractor_cluster`.
    Ractor,
    /// Messages of `actix-telepathy`, one there and one back.
    Telepathy,
}

#[derive(Args)]
pub(crate) struct DriveArguments {
    #[arg(long)]
    pub(crate) what: Peer,
    /// Bytes of a request, and of its reply.
    #[arg(long)]
    pub(crate) payload: usize,
    #[arg(long)]
    pub(crate) in_flight: usize,
    #[arg(long)]
    pub(crate) seconds: f64,
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// The processes that serve, whose time is counted too.
    #[arg(long, value_delimiter = ',')]
    pub(crate) server: Vec<u32>,
}
