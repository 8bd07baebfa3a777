//! The plan of a run: who takes part, what is done to them and when, and what must go on
//! undisturbed. Made by a scenario from the draws of a seed, before anything runs.

use std::time::Duration;

/// The host that the master runs on.
pub(crate) const MASTER: &str = "master";

/// How long the mesh has, after the last fault, until everything must be as it was: a dead link is
/// noticed (15 s), then redialled (10 s at most between two dials).
pub(crate) const SETTLE: Duration = Duration::from_secs(30);

/// How long everybody's probes take at the end.
const PROBES: Duration = Duration::from_secs(4);

/// How long a run goes on after the last call: what was not executed must not run later either.
const TAIL: Duration = Duration::from_secs(4);

/// What kind of worker runs on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Front,
    Store,
}

impl Kind {
    /// Its name in the schema.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Store => "store",
        }
    }
}

/// A host with a worker on it.
#[derive(Clone, Debug)]
pub(crate) struct HostPlan {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) variant: String,
    /// When its worker starts for the first time.
    pub(crate) starts: Duration,
    /// How far its wall clock is off, milliseconds.
    pub(crate) skew_ms: i64,
}

/// A schema that can be put in force while everybody works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rules {
    /// The one of the start.
    #[default]
    Usual,
    /// Another command, which moves the numbers of the others; other options.
    Tuned,
    /// Fronts may not link to stores.
    Narrowed,
}

/// Something that is done to the mesh.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// All packets between the two are lost, until repaired. A connection does not survive it.
    Partition(String, String),
    /// Packets from the first to the second are lost, until repaired.
    OneWay(String, String),
    /// Ends a partition in both directions.
    Repair(String, String),
    /// All packets between the two are late, until released: as TCP sends them again.
    Hold(String, String),
    /// Delivers what was held.
    Release(String, String),
    /// The process on the host dies; its system closes its connections.
    Crash(String),
    /// The whole host is gone without a word.
    PowerOff(String),
    /// The host's process starts again; one that lives dies before.
    Restart(String),
    /// The host has its power and its network again.
    PowerOn(String),
    /// The worker on the host is asked to shut down.
    Leave(String),
    /// The wall clock of the host jumps by so many milliseconds.
    Clock(String, i64),
    /// What the master had written down is lost, all but its key.
    ForgetState,
    /// Another schema is put in force.
    Schema(Rules),
}

impl Action {
    /// The kind under which it is counted.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Partition(a, b) if a == MASTER || b == MASTER => "partition from the master",
            Self::Partition(..) => "partition of two workers",
            Self::OneWay(..) => "one-way partition",
            Self::Repair(..) => "repair",
            Self::Hold(..) => "packets held",
            Self::Release(..) => "packets released",
            Self::Crash(host) | Self::PowerOff(host) if host == MASTER => "master crash",
            Self::Crash(_) => "worker crash",
            Self::PowerOff(_) => "power loss",
            Self::Restart(_) | Self::PowerOn(_) => "restart",
            Self::Leave(_) => "worker leaves",
            Self::Clock(..) => "clock jump",
            Self::ForgetState => "master's state lost",
            Self::Schema(_) => "schema changed",
        }
    }
}

/// A time in which calls must end as if nothing happened, but for those to whom something does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
    /// Hosts to which something happens that their calls may notice. One whose process dies without
    /// a word is disturbed in any case.
    pub(crate) disturbed: Vec<String>,
    /// Pairs of hosts of which one may not reach the other.
    pub(crate) cut: Vec<(String, String)>,
}

/// A hook that must be called in time.
#[derive(Clone, Debug)]
pub(crate) struct Notices {
    /// Whose hook.
    pub(crate) host: String,
    /// The variant whose link is lost.
    pub(crate) peer: String,
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

/// The plan. See the module.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) hosts: Vec<HostPlan>,
    pub(crate) master_skew_ms: i64,
    /// Sorted by time when the run starts.
    pub(crate) steps: Vec<(Duration, Action)>,
    pub(crate) windows: Vec<Window>,
    pub(crate) notices: Vec<Notices>,
    /// No call may lose its link: nothing is done but to the schema and the master.
    pub(crate) keeps_calls: bool,
    /// From when until when fronts may not link to stores.
    pub(crate) narrowed: Option<(Duration, Duration)>,
    /// Shortest and longest way of a packet.
    pub(crate) latency: (Duration, Duration),
    /// Time after the last step until everything must be well again.
    pub(crate) settle: Duration,
}

impl Plan {
    /// Does something at a time.
    pub(crate) fn at(&mut self, at: Duration, action: Action) {
        self.steps.push((at, action));
    }

    /// From when on every living worker must reach every other that the schema links it to.
    pub(crate) fn probes_from(&self) -> Duration {
        let starts = self.hosts.iter().map(|host| host.starts);
        let last = self.steps.iter().map(|(at, _)| *at).chain(starts).max();
        last.unwrap_or_default() + self.settle
    }

    /// When the last call is made.
    pub(crate) fn calls_until(&self) -> Duration {
        self.probes_from() + PROBES
    }

    /// When the run is over.
    pub(crate) fn length(&self) -> Duration {
        self.calls_until() + TAIL
    }

    /// The names of all hosts with workers.
    pub(crate) fn names(&self) -> Vec<String> {
        self.hosts.iter().map(|host| host.name.clone()).collect()
    }
}
