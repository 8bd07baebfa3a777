//! What can be asked about a queue.

use meshwork_shared::ids::JobId;
use rusqlite::{Connection, OptionalExtension, Result as SqlResult, Row, params};

use super::desk::Desk;
use super::lease::whole_job;
use super::row::{
    ASIDE, JOB, SLIP, SLIP_COLUMNS, Slip, State, integer, is_of_value, name, read_reply, read_row,
};
use crate::job::DeadLetter;
use crate::name::QueueName;
use crate::status::{JobStatus, JobSummary, QueueDepth, Section};

/// The queues that hold jobs or dead letters, or are paused.
pub(super) const FULL: &str = "SELECT worker, command, variant FROM queues \
    WHERE ready + scheduled + running + dead > 0 OR is_paused";

/// Those that do not.
pub(super) const EMPTY: &str = "SELECT worker, command, variant FROM queues \
    WHERE ready + scheduled + running + dead = 0 AND NOT is_paused";

/// The queues that [`FULL`] or [`EMPTY`] select, in order of their names.
pub(super) fn list(conn: &Connection, which: &'static str) -> SqlResult<Vec<QueueName>> {
    let mut select = conn.prepare_cached(which)?;
    let named = |row: &Row<'_>| {
        let variant = match row.get_ref(2)?.as_str()? {
            "" => None,
            _ => Some(name(row, 2)?),
        };
        Ok(QueueName { worker: name(row, 0)?, command: name(row, 1)?, variant })
    };
    let (mut queues, mut rows) = (Vec::new(), select.query([])?);
    while let Some(row) = rows.next()? {
        match named(row) {
            Ok(queue) => queues.push(queue),
            Err(error) if is_of_value(&error) => log::warn!("a queue has no name: {error}"),
            Err(error) => return Err(error),
        }
    }
    queues.sort_unstable();
    Ok(queues)
}

impl Desk<'_> {
    /// What became of a job.
    pub(super) fn status(&mut self, id: JobId) -> SqlResult<Option<JobStatus>> {
        let Some(slip) = self.slip(id)? else { return Ok(None) };
        Ok(Some(match slip.state {
            State::Ready => JobStatus::Waiting,
            State::Scheduled => {
                JobStatus::Scheduled { due_unix_ms: slip.since, attempts: slip.counted() }
            }
            State::Running => JobStatus::Running {
                attempt: slip.attempt,
                since_unix_ms: slip.since,
                consumer: slip.consumer.unwrap_or_default(),
            },
            State::Dead => {
                let last = slip.history.last();
                let error = last.map(|last| last.error.to_string()).unwrap_or_default();
                JobStatus::Dead { error }
            }
            State::Ended => return self.ended(slip.place),
        }))
    }

    /// How a job ended; nothing if that was so long ago that it is to be forgotten.
    fn ended(&mut self, place: i64) -> SqlResult<Option<JobStatus>> {
        let ended = |row: &Row<'_>| {
            if row.get(1)? {
                return Ok(JobStatus::Canceled);
            }
            Ok(JobStatus::Done { reply: read_reply(row, 2)? })
        };
        let found = self.read(|desk| {
            let mut select = desk.conn.prepare_cached(&format!(
                "SELECT place, is_canceled, reply_codec, reply FROM jobs \
                 WHERE place = ?1 AND state != {ASIDE} AND rank > ?2"
            ))?;
            let values = params![place, integer(desk.now)];
            select.query_map(values, |row| read_row(row, ended))?.collect()
        })?;
        Ok(found.into_iter().next())
    }

    /// How much of what is stored.
    pub(super) fn depth(&self) -> SqlResult<QueueDepth> {
        let oldest = self.oldest_ready()?;
        let oldest_ready_ms = oldest.map(|since| self.now.saturating_sub(since));
        Ok(QueueDepth { oldest_ready_ms, ..self.book.depth() })
    }

    /// Since when the first job of a priority is ready that waits longest.
    fn oldest_ready(&self) -> SqlResult<Option<u64>> {
        if self.book.count(State::Ready) == 0 {
            return Ok(None);
        }
        let mut select = self.conn.prepare_cached(
            "SELECT since FROM jobs WHERE queue = ?1 AND state = ?2 AND rank = ?3 \
             ORDER BY place LIMIT 1",
        )?;
        let mut oldest = None;
        for rank in 0..3 {
            let values = params![self.book.row, State::Ready as i64, rank];
            let since: Option<u64> = select.query_row(values, |row| row.get(0)).optional()?;
            oldest = [oldest, since].into_iter().flatten().min();
        }
        Ok(oldest)
    }

    /// Jobs of a section in their order, from behind `after`.
    pub(super) fn peek(
        &mut self,
        section: Section,
        after: Option<JobId>,
        limit: usize,
    ) -> SqlResult<Vec<JobSummary>> {
        let state = state_of(section);
        let after = match after {
            None => (i64::MIN, i64::MIN),
            Some(id) => match self.rank(id, state)? {
                None => return Ok(Vec::new()),
                Some(after) => after,
            },
        };
        // What runs is in the order of enqueueing: its rank moves with each renewal.
        let order = if state == State::Running {
            "place > ?4 AND ?3 IS NOT NULL ORDER BY place"
        } else {
            "(rank, place) > (?3, ?4) ORDER BY rank, place"
        };
        let sql = format!(
            "SELECT {SLIP}, caller, caller_variant FROM jobs \
             WHERE queue = ?1 AND state = ?2 AND {order} LIMIT ?5"
        );
        self.read(|desk| {
            let mut select = desk.conn.prepare_cached(&sql)?;
            let values = params![desk.book.row, state as i64, after.0, after.1, integer(limit)];
            select.query_map(values, |row| read_row(row, summary))?.collect()
        })
    }

    /// Rank and place of a job, if it is in this state.
    fn rank(&self, id: JobId, state: State) -> SqlResult<Option<(i64, i64)>> {
        let mut select = self.conn.prepare_cached(
            "SELECT rank, place FROM jobs WHERE queue = ?1 AND id = ?2 AND state = ?3",
        )?;
        let values = params![self.book.row, id.0, state as i64];
        select.query_row(values, |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    /// A dead letter with its history.
    pub(super) fn dead_letter(&mut self, id: JobId) -> SqlResult<Option<DeadLetter>> {
        let sql =
            format!("SELECT {SLIP}, {JOB} FROM jobs WHERE queue = ?1 AND id = ?2 AND state = ?3");
        let found = self.read(|desk| {
            let mut select = desk.conn.prepare_cached(&sql)?;
            let values = params![desk.book.row, id.0, State::Dead as i64];
            select.query_map(values, |row| read_row(row, whole_job))?.collect()
        })?;
        Ok(found.into_iter().next().map(|(slip, job)| DeadLetter {
            id: slip.id,
            job,
            enqueued_unix_ms: slip.enqueued,
            died_unix_ms: slip.since,
            history: slip.history,
        }))
    }
}

pub(super) fn state_of(section: Section) -> State {
    match section {
        Section::Ready => State::Ready,
        Section::Scheduled => State::Scheduled,
        Section::Running => State::Running,
        Section::Dead => State::Dead,
    }
}

fn summary(row: &Row<'_>) -> SqlResult<JobSummary> {
    let slip = Slip::read(row)?;
    Ok(JobSummary {
        id: slip.id,
        caller: name(row, SLIP_COLUMNS)?,
        caller_variant: name(row, SLIP_COLUMNS + 1)?,
        priority: slip.priority,
        body_bytes: slip.body_bytes,
        enqueued_unix_ms: slip.enqueued,
        since_unix_ms: slip.since,
        attempts: slip.counted(),
        consumer: slip.consumer.filter(|_| slip.state == State::Running),
        last: slip.history.into_iter().next_back(),
    })
}
