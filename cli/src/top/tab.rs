//! The tables that there are, and their columns.

use crate::table::Side;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Members,
    Commands,
    Queues,
    Events,
}

/// A column: its heading, and the side that its cells keep to.
type Column = (&'static str, Side);

const MEMBERS: [Column; 8] = [
    ("member", Side::Left),
    ("state", Side::Left),
    ("version", Side::Left),
    ("up", Side::Right),
    ("running", Side::Right),
    ("links", Side::Right),
    ("address", Side::Left),
    ("schema", Side::Left),
];

const COMMANDS: [Column; 9] = [
    ("command", Side::Left),
    ("calls/s", Side::Right),
    ("p50", Side::Right),
    ("p99", Side::Right),
    ("failed/s", Side::Right),
    ("refused/s", Side::Right),
    ("unknown/s", Side::Right),
    ("running", Side::Right),
    ("on", Side::Right),
];

const QUEUES: [Column; 7] = [
    ("queue", Side::Left),
    ("ready", Side::Right),
    ("oldest", Side::Right),
    ("running", Side::Right),
    ("dead", Side::Right),
    ("scheduled", Side::Right),
    ("state", Side::Left),
];

const EVENTS: [Column; 4] =
    [("number", Side::Right), ("time", Side::Left), ("kind", Side::Left), ("what", Side::Left)];

impl Tab {
    /// In their order.
    pub(super) const ALL: [Self; 4] = [Self::Members, Self::Commands, Self::Queues, Self::Events];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Commands => "commands",
            Self::Queues => "queues",
            Self::Events => "events",
        }
    }

    /// Its place in [`Tab::ALL`].
    pub(super) fn place(self) -> usize {
        self as usize
    }

    /// The one so many places further, around.
    pub(super) fn after(self, places: usize) -> Self {
        Self::ALL[(self.place() + places) % Self::ALL.len()]
    }

    /// Its columns: those that matter most come first, for the others may not fit.
    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Members => &MEMBERS,
            Self::Commands => &COMMANDS,
            Self::Queues => &QUEUES,
            Self::Events => &EVENTS,
        }
    }

    /// What stands there when there are no rows.
    pub(super) fn empty(self) -> &'static str {
        match self {
            Self::Members => "no members: start a worker",
            Self::Commands => "no member has reported a command yet",
            Self::Queues => "no queue is known: nobody serves a queued command",
            Self::Events => "no events",
        }
    }
}
