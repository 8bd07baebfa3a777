//! What a caller may choose for one call.

use std::time::Duration;

/// Which instance a balanced call goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Each in its turn.
    #[default]
    RoundRobin,
    /// Of two in turn, the one with fewer calls of ours in flight.
    LeastPending,
    /// The instance that this key belongs to, as long as it lives.
    Key(Vec<u8>),
}

/// Options of one call. All of them have the schema's word as default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// How long to wait for the answer; `None`: the command's `timeout`.
    pub deadline: Option<Duration>,
    /// Wait for a live instance, within the deadline, instead of failing at once without one.
    pub wait_for_ready: bool,
    /// Which instance a balanced call goes to.
    pub strategy: Strategy,
}
