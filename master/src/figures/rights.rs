//! What a member may report: of its own worker, and only what the schema in force has. The rest is
//! left out, counted, and told of in the log now and then.

use std::time::Duration;

use meshwork_queue::QueueName;
use meshwork_schema::{CommandName, CommandSchema, Schema, WorkerName, WorkerSchema};
use meshwork_shared::protocol::limits::REPORT_COMMANDS_MAX;
use meshwork_shared::protocol::{MemberKey, Report};

/// The log is told of what is left out at most this often.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// What one member may report.
pub(super) struct Rights<'a> {
    key: &'a MemberKey,
    schema: &'a Schema,
    own: Option<&'a WorkerSchema>,
}

/// Whether commands are missing in the lists of a report: of one that is missing nothing is known,
/// of any other that it was not called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) served: bool,
    pub(super) asked: bool,
}

impl<'a> Rights<'a> {
    pub(super) fn of(key: &'a MemberKey, schema: &'a Schema) -> Self {
        Self { key, schema, own: schema.worker(key.worker.as_str()) }
    }

    /// Leaves out of a report, but for its dead letters, what its member may not say; answers how
    /// many rows those were, and which lists are not whole.
    pub(super) fn trim(&self, report: &mut Report) -> (usize, Cut) {
        let Report { links, served, asked, queues, .. } = report;
        let rows = [links.len(), served.len(), asked.len(), queues.len()];
        links.retain(|peer| self.links_to(peer));
        served.retain(|row| self.serves(&row.command));
        asked.retain(|row| self.asks(&row.worker, &row.command));
        queues.retain(|row| self.has_queue(&row.queue));
        let [_, all_served, all_asked, _] = rows;
        let is_cut = |all, left| all >= REPORT_COMMANDS_MAX || left < all;
        let cut =
            Cut { served: is_cut(all_served, served.len()), asked: is_cut(all_asked, asked.len()) };
        let left = links.len() + served.len() + asked.len() + queues.len();
        (rows.iter().sum::<usize>() - left, cut)
    }

    /// A peer that the schema lets it link to, other than itself.
    fn links_to(&self, peer: &MemberKey) -> bool {
        peer != self.key && self.schema.linked(self.key.worker.as_str(), peer.worker.as_str())
    }

    /// A command of its own worker.
    pub(super) fn serves(&self, command: &CommandName) -> bool {
        self.own_command(command).is_some()
    }

    /// A command that it may call.
    pub(super) fn asks(&self, worker: &WorkerName, command: &CommandName) -> bool {
        self.schema.may_call(self.key.worker.as_str(), worker.as_str(), command.as_str())
    }

    /// A queue that it takes jobs from: of a queued command of its own worker, shared by all of its
    /// instances or its own.
    pub(super) fn has_queue(&self, name: &str) -> bool {
        let Ok(QueueName { worker, command, variant }) = name.parse() else { return false };
        worker == self.key.worker
            && variant.is_none_or(|variant| variant == self.key.variant)
            && self.own_command(&command).is_some_and(|command| command.queued)
    }

    fn own_command(&self, command: &CommandName) -> Option<&CommandSchema> {
        self.own?.command(command.as_str()).map(|(_, command)| command)
    }
}

/// Rows of reports that were left out.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    rows: u64,
    told: u64,
    told_at: Option<Duration>,
}

impl LeftOut {
    /// Since the start.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Counts them, and writes it down unless it is too soon; answers how many the line stands for.
    pub(super) fn note(
        &mut self,
        key: &MemberKey,
        schema: u64,
        rows: usize,
        now: Duration,
    ) -> Option<u64> {
        self.rows = self.rows.saturating_add(rows as u64);
        if rows == 0 || self.told_at.is_some_and(|at| now < at + TOLD_EVERY) {
            return None;
        }
        let untold = self.rows - self.told;
        (self.told, self.told_at) = (self.rows, Some(now));
        log::warn!(
            "{untold} rows of reports are left out, the last of {key}, which goes by schema \
             {schema}: the schema in force does not let it say them, or they are too many"
        );
        Some(untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_and_told_of_once_a_minute() {
        let key = MemberKey { worker: "gateway".parse().unwrap(), variant: "a".parse().unwrap() };
        let mut left_out = LeftOut::default();
        let at = Duration::from_secs;
        assert_eq!(left_out.note(&key, 7, 0, at(0)), None, "nothing is nothing to tell");
        assert_eq!(left_out.note(&key, 7, 3, at(1)), Some(3));
        for second in 2..60 {
            assert_eq!(left_out.note(&key, 7, 100, at(second)), None);
        }
        assert_eq!(left_out.note(&key, 7, 1, at(61)), Some(5801));
        assert_eq!(left_out.rows(), 5804);
    }
}
