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

/// Why it is not known what became of jobs.
const NO_ANSWER: &str = "the store of queues stopped answering";

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
        log(audit);
        Some(1)
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.rows.iter().map(|(label, row)| (*label, row.count)).collect()
    }
}

/// Writes it down; for whoever cannot have it counted.
pub(crate) fn log(audit: &Audit) {
    log::info!(target: TARGET, "{}", text(audit));
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
        Audit::JobsRetried { queue, job: Some(job), is_all, .. } => match is_all {
            true => format!("job {job} of {queue} is run again, by HTTP"),
            false => format!("job {job} of {queue} may be run again, by HTTP: {NO_ANSWER}"),
        },
        Audit::JobsRetried { queue, job: None, jobs, is_all } => match is_all {
            true => format!("{jobs} dead letters of {queue} are run again, by HTTP"),
            false => format!(
                "{jobs} dead letters of {queue} are run again, maybe more, by HTTP: {NO_ANSWER}"
            ),
        },
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
        Audit::JobsRetried { .. } => "jobs_retried",
        Audit::SchemaChanged { .. } => "schema_changed",
        Audit::WorkerRemoved { .. } => "worker_removed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_that_are_run_again_are_written_down_and_counted_also_when_that_ends_half_way() {
        let queue: meshwork_queue::QueueName = "thumbnailer.render".parse().unwrap();
        let retried =
            |job, jobs, is_all| Audit::JobsRetried { queue: queue.clone(), job, jobs, is_all };
        let job = meshwork_shared::ids::JobId([7; 16]);
        let lines = [
            (retried(None, 230, true), "230 dead letters of thumbnailer.render are run again"),
            (retried(None, 200, false), "200 dead letters of thumbnailer.render are run again, ma"),
            (retried(Some(job), 1, true), "of thumbnailer.render is run again, by HTTP"),
            (retried(Some(job), 0, false), "of thumbnailer.render may be run again, by HTTP: the"),
        ];
        let mut log = AuditLog::default();
        for (audit, line) in &lines {
            assert!(text(audit).contains(line), "{}", text(audit));
            assert_eq!(log.write(audit, Instant::now()), Some(1));
        }
        assert_eq!(log.counts(), BTreeMap::from([("jobs_retried", 4)]));
    }
}
