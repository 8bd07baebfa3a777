//! What a master counts, as text for Prometheus. `docs/OBSERVABILITY.md` lists every metric.

use std::collections::BTreeMap;

use meshwork_shared::admission::HandshakeCounters;
use meshwork_shared::metrics::{Exposition, Kind, ProcessFigures};
use meshwork_shared::protocol::Status;

use crate::master::Members;
use crate::registry::actor::Counters;

/// All states that a member can be in, as a label says them.
const STATES: [(Status, &str); 4] = [
    (Status::Joining, "joining"),
    (Status::Ready, "ready"),
    (Status::Draining, "draining"),
    (Status::Lost, "lost"),
];

/// Writes everything at one moment.
pub(crate) fn text(
    counters: &Counters,
    members: &Members,
    workers: &[String],
    schema: u64,
    handshakes: &HandshakeCounters,
) -> String {
    let mut text = Exposition::default();
    let name = "meshwork_build_info";
    text.family(name, Kind::Gauge, "Always 1; who tells, and of which version.");
    let version = ("version", env!("CARGO_PKG_VERSION"));
    text.sample(name, &[("worker", "master"), ("variant", ""), version], 1);
    let mut gauge = |name: &str, help: &str, value: u64| {
        text.family(name, Kind::Gauge, help);
        text.sample(name, &[], value);
    };
    gauge("meshwork_master_links", "Links to the mesh port that are open.", counters.links as u64);
    gauge("meshwork_schema_number", "Number of the schema in force.", schema);
    gauge("meshwork_master_epoch", "Which life of the master this is.", members.epoch);
    let settled = "Whether the master had time to hear from every worker since its start.";
    gauge("meshwork_master_settled", settled, u64::from(counters.settled));
    self::members(&mut text, members, workers);
    let name = "meshwork_handshakes_total";
    text.family(name, Kind::Counter, "Handshakes of those who dialled, by how they ended.");
    for (cause, count) in handshakes.by_cause() {
        text.sample(name, &[("cause", cause)], count);
    }
    let name = "meshwork_report_rows_left_out_total";
    text.family(name, Kind::Counter, "Rows of reports that the schema does not let members say.");
    text.sample(name, &[], counters.report_rows_left_out);
    let name = "meshwork_audit_total";
    text.family(name, Kind::Counter, "What the audit log is about, by cause.");
    for (cause, count) in &counters.audit {
        text.sample(name, &[("cause", cause)], count);
    }
    if let Some(process) = ProcessFigures::read() {
        process.write(&mut text);
    }
    text.finish()
}

/// Every worker of the schema in every state, also those that are not there.
fn members(text: &mut Exposition, members: &Members, workers: &[String]) {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for worker in workers {
        counts.extend(STATES.map(|(_, state)| ((worker.as_str(), state), 0)));
    }
    for info in &members.members {
        let state = STATES.iter().find(|(status, _)| *status == info.member.status);
        let state = state.map_or("other", |(_, state)| state);
        *counts.entry((info.member.key.worker.as_str(), state)).or_default() += 1;
    }
    let name = "meshwork_members";
    text.family(name, Kind::Gauge, "Members of the mesh, by worker and state.");
    for ((worker, state), count) in counts {
        text.sample(name, &[("worker", worker), ("state", state)], count);
    }
}
