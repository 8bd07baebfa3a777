//! What can be measured, and against what.

use clap::ValueEnum;
use serde::Serialize;

/// Instances that a broadcast asks.
const BROADCAST_INSTANCES: usize = 32;

/// Processes that serve one client.
const EIGHT_INSTANCES: usize = 8;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum What {
    /// A bare encrypted echo over one connection: what can be reached at best.
    Limit,
    /// The same echo whose ends write in pieces what they read together, as links do.
    Pieces,
    /// Calls over a link, without the layers of a worker.
    Link,
    /// Calls as programs make them, through workers that a master admitted.
    Call,
    /// The same with types: the struct is encoded and decoded on both sides. Measured against the
    /// limit with 64 raw bytes.
    CallJson,
    /// Single calls, in turn to 32 instances in one process.
    Single32,
    /// Broadcasts with answers over the same links; each counts as 32 calls.
    Broadcast32,
    /// The bare echo over eight connections, to a process each.
    Limit8,
    /// Calls, in turn to eight instances in a process each.
    Eight,
    /// Small calls on a link that carries nothing else.
    Alone,
    /// Small calls on a link that carries large messages back to back as well.
    Beside,
    /// Calls that are neither counted nor traced.
    Plain,
    /// Calls that are counted, and one in a hundred traced: as workers do unless told otherwise.
    Metrics,
    /// Request and reply of NATS.
    Nats,
    /// gRPC with tonic.
    Tonic,
    /// Calls of `ractor_cluster`.
    Ractor,
    /// Messages there and back of `actix-telepathy`.
    Telepathy,
}

impl What {
    /// Those that are measured with every raw payload and depth.
    pub(crate) const EVERY_SIZE: [Self; 4] = [Self::Limit, Self::Pieces, Self::Link, Self::Call];

    /// What people would use instead; measured with every raw payload and depth too.
    pub(crate) const PEERS: [Self; 4] = [Self::Nats, Self::Tonic, Self::Ractor, Self::Telepathy];

    /// Its name, as on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Pieces => "pieces",
            Self::Link => "link",
            Self::Call => "call",
            Self::CallJson => "call_json",
            Self::Single32 => "single32",
            Self::Broadcast32 => "broadcast32",
            Self::Limit8 => "limit8",
            Self::Eight => "eight",
            Self::Alone => "alone",
            Self::Beside => "beside",
            Self::Plain => "plain",
            Self::Metrics => "metrics",
            Self::Nats => "nats",
            Self::Tonic => "tonic",
            Self::Ractor => "ractor",
            Self::Telepathy => "telepathy",
        }
    }

    /// What it is measured against; itself, if it is what others are.
    pub(crate) fn limit(self) -> Self {
        match self {
            Self::Limit | Self::Pieces | Self::Link | Self::Call | Self::CallJson => Self::Limit,
            Self::Single32 | Self::Broadcast32 => Self::Single32,
            Self::Limit8 | Self::Eight => Self::Limit8,
            Self::Alone | Self::Beside => Self::Alone,
            Self::Plain | Self::Metrics => Self::Plain,
            Self::Nats | Self::Tonic | Self::Ractor | Self::Telepathy => Self::Limit,
        }
    }

    /// Instances or connections that its client has.
    pub(crate) fn instances(self) -> usize {
        match self {
            Self::Single32 | Self::Broadcast32 => BROADCAST_INSTANCES,
            Self::Limit8 | Self::Eight => EIGHT_INSTANCES,
            _ => 1,
        }
    }

    /// Whether a size alone names its points.
    pub(crate) fn is_named_by_size(self) -> bool {
        self == Self::CallJson || self.is_peer() || Self::EVERY_SIZE.contains(&self)
    }

    /// Whether it is something that people would use instead.
    pub(crate) fn is_peer(self) -> bool {
        Self::PEERS.contains(&self)
    }
}
