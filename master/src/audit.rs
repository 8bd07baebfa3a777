//! The audit log: one line for each thing that an operator may want to find later, and a counter by
//! cause. Refusals can be provoked by others, so their lines are limited.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_shared::protocol::Refusal;
use tokio::time::Instant;

use crate::registry::Audit;

/// Refusals of one cause are logged at most this often; the rest is counted.
const REFUSAL_EVERY: Duration = Duration::from_secs(1);

/// Target of the log lines.
const TARGET: &str = "meshwork::audit";

/// Counters by cause. Every name in a line is a checked one, so nothing needs escaping.
#[derive(Debug, Default)]
pub(crate) struct AuditLog {
    rows: BTreeMap<&'static str, Row>,
}

#[derive(Debug, Default)]
struct Row {
    count: u64,
    logged_at: Option<Instant>,
    logged: u64,
}

impl AuditLog {
    /// Counts it, and writes it down unless it is too soon; answers how many it then stands for.
    pub(crate) fn write(&mut self, audit: &Audit, now: Instant) -> Option<u64> {
        let row = self.rows.entry(label(audit)).or_default();
        row.count += 1;
        if let Audit::Refused { key, node, refusal } = audit {
            if row.logged_at.is_some_and(|at| now < at + REFUSAL_EVERY) {
                return None;
            }
            let times = row.count - row.logged;
            (row.logged_at, row.logged) = (Some(now), row.count);
            log::warn!(target: TARGET, "refused {key} of node {node} ({times} times): {refusal}");
            return Some(times);
        }
        log::info!(target: TARGET, "{}", text(audit));
        Some(1)
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.rows.iter().map(|(label, row)| (*label, row.count)).collect()
    }
}

fn text(audit: &Audit) -> String {
    match audit {
        Audit::Admitted { key, incarnation, node, returned } => {
            let verb = if *returned { "is back" } else { "is admitted" };
            format!("{key} {verb}: incarnation {incarnation}, node {node}")
        }
        Audit::Refused { key, node, refusal } => format!("refused {key} of node {node}: {refusal}"),
        Audit::Fenced { key, incarnation } => {
            format!("{key} is fenced: incarnation {incarnation} does not answer or is outranked")
        }
        Audit::Renumbered { key, incarnation } => {
            format!("{key} is incarnation {incarnation} now: higher numbers were given out before")
        }
        Audit::Revoked { node: Some(node), tickets } => {
            format!("revoked {tickets} tickets and the key of node {node}")
        }
        Audit::Revoked { node: None, tickets } => format!("revoked {tickets} tickets"),
        Audit::QueueRoots { epoch, kept } => {
            format!("jobs are sealed under queue root {epoch} now; {kept} are kept in all")
        }
        Audit::SchemaChanged { number } => format!("schema {number} is in force"),
        Audit::WorkerRemoved { worker } => {
            format!("the schema has no worker `{worker}` any more: its members are removed")
        }
    }
}

/// The word for its cause.
pub(crate) fn label(audit: &Audit) -> &'static str {
    match audit {
        Audit::Admitted { returned: false, .. } => "admitted",
        Audit::Admitted { returned: true, .. } => "returned",
        Audit::Refused { refusal, .. } => match refusal {
            Refusal::NameTaken { .. } => "refused_name_taken",
            Refusal::KeyInUse { .. } => "refused_key_in_use",
            Refusal::UnknownWorker { .. } => "refused_unknown_worker",
            Refusal::NotYourName { .. } => "refused_not_your_name",
            Refusal::Revoked => "refused_revoked",
            Refusal::Draining => "refused_draining",
            Refusal::Full { .. } => "refused_full",
            Refusal::AlreadyJoined => "refused_already_joined",
            Refusal::Invalid { .. } => "refused_invalid",
        },
        Audit::Fenced { .. } => "fenced",
        Audit::Renumbered { .. } => "renumbered",
        Audit::Revoked { .. } => "revoked",
        Audit::QueueRoots { .. } => "queue_roots",
        Audit::SchemaChanged { .. } => "schema_changed",
        Audit::WorkerRemoved { .. } => "worker_removed",
    }
}
