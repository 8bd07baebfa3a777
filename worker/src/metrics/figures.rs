//! All that a worker counts, at one moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meshwork_shared::link::handle::Link;
use meshwork_shared::metrics::HistogramFigures;

use super::meter::{Ending, Meter};
use crate::jobs::figures::JobFigures;
use crate::worker::{Identity, Worker};

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Made by this worker.
    Out,
    /// Served by this worker; runs of jobs are among them.
    In,
}

/// What was counted of one command since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFigures {
    /// `worker.command`.
    pub command: String,
    /// Whose calls.
    pub direction: Direction,
    /// Calls that went well.
    pub ok: u64,
    /// Calls that no handler ran for; safe to make again.
    pub not_executed: u64,
    /// How many of those were so because a bound was full.
    pub overloaded: u64,
    /// Calls whose handler said no.
    pub failed: u64,
    /// Calls that may have run.
    pub unknown: u64,
    /// Calls that nobody waited for to the end.
    pub cancelled: u64,
    /// How long those took that went well: the whole call as its caller sees it, or its handler
    /// alone. Of handlers that answer at once it is an estimate from one in 16.
    pub durations: HistogramFigures,
}

/// What there is of one kind of peer now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerFigures {
    /// Links that are open.
    pub links: u64,
    /// Members that this worker knows of.
    pub members: u64,
    /// Calls of this worker to them that are not over.
    pub in_flight: u64,
    /// Bytes that wait to be written to them.
    pub queued_bytes: u64,
    /// The longest of the ways there and back that were last measured, one for each link.
    pub round_trip_max: Option<Duration>,
}

/// All that a worker counts, at one moment; as text (`to_string`) it is what Prometheus reads.
/// Counters grow from the start of the process. `docs/OBSERVABILITY.md` explains each of them.
///
/// ```no_run
/// # async fn show(worker: &meshwork_worker::Worker) {
/// let metrics = worker.metrics().await;
/// let failed: u64 = metrics.calls.iter().map(|call| call.failed).sum();
/// println!("{failed} calls failed\n{metrics}");
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Who tells.
    pub identity: Identity,
    /// By command, calls made before calls served.
    pub calls: Vec<CallFigures>,
    /// By name of the peers' worker.
    pub peers: BTreeMap<String, PeerFigures>,
    /// The queues that this instance serves; how full they are is a few seconds old at most.
    pub queues: Vec<JobFigures>,
    /// How the handshakes of those who dialled ended, by cause.
    pub handshakes: Vec<(&'static str, u64)>,
    /// Single figures, by the name that Prometheus sees.
    pub(super) singles: BTreeMap<&'static str, u64>,
}

impl Metrics {
    /// A figure that stands alone, by its name as in `docs/OBSERVABILITY.md`, such as
    /// `meshwork_reconnects_total`.
    pub fn figure(&self, name: &str) -> Option<u64> {
        self.singles.get(name).copied()
    }

    pub(crate) async fn read(worker: &Worker) -> Self {
        let inner = worker.inner();
        Self {
            identity: worker.identity(),
            calls: calls(worker),
            peers: peers(worker),
            queues: inner.depths.figures(worker).await,
            handshakes: inner.tally.handshakes.by_cause(),
            singles: singles(worker),
        }
    }
}

fn of_meter(command: String, direction: Direction, meter: &Meter) -> CallFigures {
    let durations = meter.durations();
    // Calls of ours that were timed are counted by that alone.
    let timed = if direction == Direction::Out { durations.count() } else { 0 };
    CallFigures {
        command,
        direction,
        ok: meter.ended(Ending::Ok) + timed,
        not_executed: meter.ended(Ending::NotExecuted),
        overloaded: meter.overloaded(),
        failed: meter.ended(Ending::Failed),
        unknown: meter.ended(Ending::Unknown),
        cancelled: meter.ended(Ending::Cancelled),
        durations,
    }
}

/// What was counted of every command, made and served.
pub(crate) fn calls(worker: &Worker) -> Vec<CallFigures> {
    let inner = worker.inner();
    let routes = inner.routes.load();
    let out = routes.commands().filter(|(_, route)| route.allowed).map(|(callee, route)| {
        let command = format!("{callee}.{}", route.schema.name);
        of_meter(command, Direction::Out, route.meter())
    });
    let me = worker.identity().worker;
    let handlers = inner.handlers();
    let served = handlers.iter().flat_map(|handlers| handlers.all()).map(|served| {
        let command = format!("{me}.{}", served.schema.name);
        of_meter(command, Direction::In, served.slots.meter())
    });
    out.chain(served).collect()
}

fn peers(worker: &Worker) -> BTreeMap<String, PeerFigures> {
    let mut peers: BTreeMap<String, PeerFigures> = BTreeMap::new();
    for instance in worker.inner().routes.load().all() {
        let peer = peers.entry(instance.key.worker.to_string()).or_default();
        peer.members += u64::from(instance.member.is_some());
        if let Some(link) = instance.link.as_ref().filter(|link| Link::is_open(link)) {
            peer.links += 1;
            peer.in_flight += link.in_flight() as u64;
            peer.queued_bytes += link.queued_bytes() as u64;
            peer.round_trip_max = peer.round_trip_max.max(link.round_trip());
        }
    }
    peers
}

fn singles(worker: &Worker) -> BTreeMap<&'static str, u64> {
    let (inner, tally) = (worker.inner(), &worker.inner().tally);
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    BTreeMap::from([
        ("meshwork_dials_linked_total", read(&tally.dials_linked)),
        ("meshwork_dials_failed_total", read(&tally.dials_failed)),
        ("meshwork_links_refused_total", read(&tally.links_refused)),
        ("meshwork_links_made_total", read(&tally.links_made)),
        ("meshwork_links_ended_total", read(&tally.links_ended)),
        ("meshwork_reconnects_total", read(&tally.reconnects)),
        ("meshwork_master_sessions_total", read(&tally.sessions)),
        ("meshwork_master_connected", u64::from(inner.has_master())),
        ("meshwork_calls_refused_no_such_command_total", read(&tally.refused_missing)),
        ("meshwork_calls_refused_not_allowed_total", read(&tally.refused_denied)),
        ("meshwork_view_number", read(&tally.view)),
        ("meshwork_schema_number", inner.schema_number()),
        ("meshwork_running", worker.running() as u64),
    ])
}
