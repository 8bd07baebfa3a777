//! Metrics as text for Prometheus.

use std::fmt;

use meshwork_shared::metrics::{Exposition, Kind, ProcessFigures};

use super::figures::{CallFigures, Direction, Metrics, PeerFigures};
use super::meter::Ending;
use crate::jobs::figures::JobFigures;

/// What each figure that stands alone means.
const SINGLES: [(&str, &str); 13] = [
    (
        "meshwork_calls_refused_no_such_command_total",
        "Calls of peers for a command that is not served.",
    ),
    ("meshwork_calls_refused_not_allowed_total", "Calls of peers that the schema does not allow."),
    ("meshwork_dials_failed_total", "Dials to peers that came to nothing."),
    ("meshwork_dials_linked_total", "Dials to peers that made a link."),
    ("meshwork_links_ended_total", "Peers that no link led to any more."),
    ("meshwork_links_made_total", "Peers that a link was made to."),
    ("meshwork_links_refused_total", "Links refused after a handshake that held."),
    ("meshwork_master_connected", "Whether there is a session with the master."),
    ("meshwork_master_sessions_total", "Sessions with the master that began."),
    ("meshwork_reconnects_total", "Links made again to a process that was linked before."),
    ("meshwork_running", "Handlers and jobs that run."),
    ("meshwork_schema_number", "Number of the schema in force."),
    ("meshwork_view_number", "Number of the list of members."),
];

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Exposition::default();
        about(&mut text, self);
        calls(&mut text, &self.calls);
        peers(&mut text, self);
        queues(&mut text, &self.queues);
        for (name, help) in SINGLES {
            let kind = if name.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
            text.family(name, kind, help);
            text.sample(name, &[], self.figure(name).unwrap_or_default());
        }
        if let Some(process) = ProcessFigures::read() {
            process.write(&mut text);
        }
        f.write_str(&text.finish())
    }
}

fn about(text: &mut Exposition, metrics: &Metrics) {
    let (worker, variant) =
        (metrics.identity.worker.to_string(), metrics.identity.variant.to_string());
    let name = "meshwork_build_info";
    text.family(name, Kind::Gauge, "Always 1; who tells, and of which version.");
    let version = ("version", env!("CARGO_PKG_VERSION"));
    text.sample(name, &[("worker", &worker), ("variant", &variant), version], 1);
}

fn calls(text: &mut Exposition, calls: &[CallFigures]) {
    let label = |direction| match direction {
        Direction::Out => "out",
        Direction::In => "in",
    };
    let name = "meshwork_calls_total";
    text.family(name, Kind::Counter, "Calls that are over, by how they ended.");
    for call in calls {
        let counts = [call.ok, call.not_executed, call.failed, call.unknown, call.cancelled];
        for (ending, count) in Ending::ALL.into_iter().zip(counts) {
            let direction = ("direction", label(call.direction));
            let outcome = ("outcome", ending.label());
            text.sample(name, &[("command", &call.command), direction, outcome], count);
        }
    }
    let name = "meshwork_call_duration_seconds";
    text.family(name, Kind::Histogram, "How long calls took that went well, seconds.");
    for call in calls {
        let labels = [("command", call.command.as_str()), ("direction", label(call.direction))];
        text.histogram(name, &labels, &call.durations);
    }
}

/// Name, help text, and how the figure is read.
type PeerGauge = (&'static str, &'static str, fn(&PeerFigures) -> u64);

fn peers(text: &mut Exposition, metrics: &Metrics) {
    let gauges: [PeerGauge; 4] = [
        ("meshwork_links", "Links that are open.", |peer| peer.links),
        ("meshwork_members", "Members that this worker knows of.", |peer| peer.members),
        ("meshwork_calls_in_flight", "Calls made that are not over.", |peer| peer.in_flight),
        ("meshwork_queued_bytes", "Bytes that wait to be written.", |peer| peer.queued_bytes),
    ];
    for (name, help, read) in gauges {
        text.family(name, Kind::Gauge, help);
        for (worker, peer) in &metrics.peers {
            text.sample(name, &[("worker", worker)], read(peer));
        }
    }
    let name = "meshwork_round_trip_max_seconds";
    text.family(name, Kind::Gauge, "Longest way there and back of its links, as last measured.");
    for (worker, peer) in &metrics.peers {
        if let Some(took) = peer.round_trip_max {
            text.sample(name, &[("worker", worker)], took.as_secs_f64());
        }
    }
    let name = "meshwork_handshakes_total";
    text.family(name, Kind::Counter, "Handshakes of those who dialled, by how they ended.");
    for (cause, count) in &metrics.handshakes {
        text.sample(name, &[("cause", cause)], count);
    }
}

fn queues(text: &mut Exposition, queues: &[JobFigures]) {
    let name = "meshwork_queue_jobs";
    text.family(name, Kind::Gauge, "Jobs in a queue, of all instances, by state.");
    for (queue, depth) in depths(queues) {
        let states = [
            ("ready", depth.ready),
            ("scheduled", depth.scheduled),
            ("running", depth.running),
            ("dead", depth.dead),
        ];
        for (state, jobs) in states {
            text.sample(name, &[("queue", &queue), ("state", state)], jobs);
        }
    }
    let name = "meshwork_queue_oldest_seconds";
    text.family(name, Kind::Gauge, "How long the oldest job that could run has waited.");
    for (queue, depth) in depths(queues) {
        let waited = depth.oldest_ready_ms.unwrap_or_default() as f64 / 1e3;
        text.sample(name, &[("queue", &queue)], waited);
    }
    let name = "meshwork_queue_dead_dropped_total";
    text.family(name, Kind::Counter, "Dead letters that gave way to newer ones or to new jobs.");
    for (queue, depth) in depths(queues) {
        text.sample(name, &[("queue", &queue)], depth.dead_dropped);
    }
    let name = "meshwork_queue_reachable";
    text.family(name, Kind::Gauge, "Whether the store of a queue answered.");
    for figures in queues {
        let reachable = u8::from(figures.depth.is_some());
        text.sample(name, &[("queue", &figures.queue.to_string())], reachable);
    }
    let name = "meshwork_jobs_running";
    text.family(name, Kind::Gauge, "Runs of jobs on this instance that are not over.");
    for figures in queues {
        text.sample(name, &[("queue", &figures.queue.to_string())], figures.running);
    }
    let name = "meshwork_job_runs_total";
    text.family(name, Kind::Counter, "Runs of jobs on this instance, by how they ended.");
    for figures in queues {
        let endings = [
            ("done", figures.done),
            ("retried", figures.retried),
            ("dead", figures.dead),
            ("lost", figures.lost),
        ];
        for (outcome, runs) in endings {
            let queue = figures.queue.to_string();
            text.sample(name, &[("queue", &queue), ("outcome", outcome)], runs);
        }
    }
}

fn depths(queues: &[JobFigures]) -> impl Iterator<Item = (String, &meshwork_queue::QueueDepth)> {
    queues.iter().filter_map(|figures| {
        figures.depth.as_ref().map(|depth| (figures.queue.to_string(), depth))
    })
}
