//! The counters of one queue, read once and written once in a transaction.

use std::time::Duration;

use meshwork_schema::BackoffRange;
use meshwork_shared::ids::JobId;
use rusqlite::{Connection, OptionalExtension, Result as SqlResult, params};

use super::row::{State, integer, micros};
use crate::name::QueueName;
use crate::status::QueueDepth;

/// How much of what is in a queue, and what a transaction changed that somebody may wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    /// The number of the queue; 0 as long as it was never written to.
    pub(super) row: i64,
    counts: [usize; 5],
    pub(super) keys: usize,
    pub(super) live_bytes: usize,
    pub(super) dead_bytes: usize,
    pub(super) ended_bytes: usize,
    pub(super) key_bytes: usize,
    pub(super) dead_dropped: u64,
    pub(super) retried: u64,
    pub(super) done: u64,
    pub(super) last_due: Option<u64>,
    pub(super) is_paused: bool,
    pub(super) jobs_news: i64,
    pub(super) ends_news: i64,
    /// How long lost jobs wait, as who leased last said: who looks after the queue may not know.
    pub(super) backoff: Option<BackoffRange>,
}

/// What happened to a queue in a transaction.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// There are jobs that could run which could not before.
    pub(super) has_ready: bool,
    /// There are jobs that wait for a time.
    pub(super) has_scheduled: bool,
    /// The jobs that nothing more happens to.
    pub(super) over: Vec<JobId>,
}

const COLUMNS: &str = "ready, scheduled, running, dead, ended, keys, live_bytes, dead_bytes, \
    ended_bytes, key_bytes, dead_dropped, retried, done, last_due, is_paused, jobs_news, \
    ends_news, backoff_min, backoff_max";

impl Book {
    /// The counters of a queue; zeros if it was never written to.
    pub(super) fn load(conn: &Connection, name: &QueueName) -> SqlResult<Self> {
        let sql = format!(
            "SELECT row, {COLUMNS} FROM queues WHERE worker = ?1 AND command = ?2 AND variant = ?3"
        );
        let book = conn.prepare_cached(&sql)?.query_row(
            params![name.worker.as_str(), name.command.as_str(), variant(name)],
            |row| {
                Ok(Self {
                    row: row.get(0)?,
                    counts: [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?],
                    keys: row.get(6)?,
                    live_bytes: row.get(7)?,
                    dead_bytes: row.get(8)?,
                    ended_bytes: row.get(9)?,
                    key_bytes: row.get(10)?,
                    dead_dropped: row.get(11)?,
                    retried: row.get(12)?,
                    done: row.get(13)?,
                    last_due: row.get(14)?,
                    is_paused: row.get(15)?,
                    jobs_news: row.get(16)?,
                    ends_news: row.get(17)?,
                    backoff: backoff(row.get(18)?, row.get(19)?),
                })
            },
        );
        Ok(book.optional()?.unwrap_or_default())
    }

    /// Gives the queue a number, if it has none.
    pub(super) fn ensure_row(&mut self, conn: &Connection, name: &QueueName) -> SqlResult<i64> {
        if self.row == 0 {
            let mut insert = conn.prepare_cached(
                "INSERT INTO queues (worker, command, variant) VALUES (?1, ?2, ?3)",
            )?;
            self.row = insert.insert(params![
                name.worker.as_str(),
                name.command.as_str(),
                variant(name)
            ])?;
        }
        Ok(self.row)
    }

    /// Writes the counters.
    pub(super) fn save(&self, conn: &Connection) -> SqlResult<()> {
        let mut update = conn.prepare_cached(
            "UPDATE queues SET ready = ?2, scheduled = ?3, running = ?4, dead = ?5, ended = ?6, \
             keys = ?7, live_bytes = ?8, dead_bytes = ?9, ended_bytes = ?10, key_bytes = ?11, \
             dead_dropped = ?12, retried = ?13, done = ?14, last_due = ?15, is_paused = ?16, \
             jobs_news = ?17, ends_news = ?18, backoff_min = ?19, backoff_max = ?20 \
             WHERE row = ?1",
        )?;
        let [ready, scheduled, running, dead, ended] = self.counts.map(integer);
        update.execute(params![
            self.row,
            ready,
            scheduled,
            running,
            dead,
            ended,
            integer(self.keys),
            integer(self.live_bytes),
            integer(self.dead_bytes),
            integer(self.ended_bytes),
            integer(self.key_bytes),
            integer(self.dead_dropped),
            integer(self.retried),
            integer(self.done),
            self.last_due.map(integer),
            self.is_paused,
            self.jobs_news,
            self.ends_news,
            self.backoff.map(|range| micros(range.min)),
            self.backoff.map(|range| micros(range.max)),
        ])?;
        Ok(())
    }

    /// Jobs in a state.
    pub(super) fn count(&self, state: State) -> usize {
        self.counts[state as usize]
    }

    /// Notes jobs that came into a state, or left it.
    pub(super) fn add(&mut self, state: State, more: isize) {
        let count = &mut self.counts[state as usize];
        *count = count.saturating_add_signed(more);
    }

    /// Jobs that are neither over nor dead.
    pub(super) fn live(&self) -> usize {
        [State::Ready, State::Scheduled, State::Running].map(|state| self.count(state)).iter().sum()
    }

    /// Whether a consumer would get something.
    pub(super) fn has_work(&self) -> bool {
        !self.is_paused && self.count(State::Ready) > 0
    }

    /// The counters as people ask for them, but for the age of the oldest.
    pub(super) fn depth(&self) -> QueueDepth {
        QueueDepth {
            ready: self.count(State::Ready),
            scheduled: self.count(State::Scheduled),
            running: self.count(State::Running),
            dead: self.count(State::Dead),
            dead_dropped: self.dead_dropped,
            retried: self.retried,
            done: self.done,
            oldest_ready_ms: None,
            bytes: self.live_bytes + self.dead_bytes + self.ended_bytes + self.key_bytes,
            is_paused: self.is_paused,
        }
    }
}

fn backoff(min: Option<u64>, max: Option<u64>) -> Option<BackoffRange> {
    let [min, max] = [min?, max?].map(Duration::from_micros);
    Some(BackoffRange { min, max })
}

fn variant(name: &QueueName) -> &str {
    name.variant.as_ref().map_or("", |variant| variant.as_str())
}
