//! Storing jobs.

use meshwork_shared::ids::JobId;
use rusqlite::{OptionalExtension, Result as SqlResult, Row, params};

use super::book::Book;
use super::desk::Desk;
use super::limits::INLINE_BYTES_MAX;
use super::row::{State, integer, micros, millis, priority_rank};
use crate::error::EnqueueError;
use crate::job::{Enqueued, NewJob, Start};
use crate::limits::DUE_AHEAD_MS_MAX;
use crate::size::{job_bytes, key_bytes};

impl Desk<'_> {
    /// Stores a job behind all others of its priority, unless it or one of its dedupe key is there.
    pub(super) fn enqueue(&mut self, job: &NewJob) -> SqlResult<Result<Enqueued, EnqueueError>> {
        if let Some(id) = self.duplicate(job)? {
            return Ok(Ok(Enqueued { id, is_duplicate: true }));
        }
        let bytes = job_bytes(job);
        let more = bytes.saturating_add(job.dedupe.as_ref().map_or(0, key_bytes));
        if let Err(refused) = self.make_room(more)? {
            return Ok(Err(refused));
        }
        self.book.ensure_row(self.conn, &self.queue.name)?;
        self.open_window(job)?;
        let due = match job.start {
            Start::Now => self.now,
            Start::After(wait) => self.now.saturating_add(millis(wait)),
            Start::At(unix_ms) => unix_ms,
        };
        let (state, rank, since) = if due > self.now {
            (State::Scheduled, integer(due), due)
        } else {
            (State::Ready, priority_rank(job.priority), self.now)
        };
        self.insert(job, bytes, state, rank, since)?;
        self.book.add(state, 1);
        self.book.live_bytes += bytes;
        self.events.has_ready |= state == State::Ready;
        self.events.has_scheduled |= state == State::Scheduled;
        Ok(Ok(Enqueued { id: job.id, is_duplicate: false }))
    }

    /// Stores the job of a due time, unless that of this or a later one was.
    pub(super) fn enqueue_due(
        &mut self,
        due_unix_ms: u64,
        job: &NewJob,
    ) -> SqlResult<Result<bool, EnqueueError>> {
        let is_past = self.book.last_due.is_some_and(|last| due_unix_ms <= last);
        if is_past || due_unix_ms > self.now.saturating_add(DUE_AHEAD_MS_MAX) {
            return Ok(Ok(false));
        }
        let stored = match self.enqueue(job)? {
            Err(refused) => return Ok(Err(refused)),
            Ok(stored) => stored,
        };
        self.book.last_due = Some(due_unix_ms);
        Ok(Ok(!stored.is_duplicate))
    }

    /// The job that this one would be a second one of. What is only still there because there was
    /// too much to forget at once is forgotten: its place is needed.
    fn duplicate(&mut self, job: &NewJob) -> SqlResult<Option<JobId>> {
        if self.is_known(job.id)? {
            return Ok(Some(job.id));
        }
        let Some(dedupe) = job.dedupe.as_ref().filter(|_| self.book.keys > 0) else {
            return Ok(None);
        };
        let mut select = self
            .conn
            .prepare_cached("SELECT id, closes > ?3 FROM dedupe WHERE queue = ?1 AND key = ?2")?;
        let key = params![self.book.row, dedupe.key, integer(self.now)];
        let read = |row: &Row<'_>| Ok((JobId(row.get(0)?), row.get(1)?));
        match select.query_row(key, read).optional()? {
            None => Ok(None),
            Some((first, true)) => Ok(Some(first)),
            Some((_, false)) => {
                self.close_window(&dedupe.key)?;
                Ok(None)
            }
        }
    }

    /// Whether there is a job of this id, or one ended not so long ago.
    fn is_known(&mut self, id: JobId) -> SqlResult<bool> {
        let mut select = self.conn.prepare_cached(
            "SELECT state = ?3 AND rank <= ?4 FROM jobs WHERE queue = ?1 AND id = ?2",
        )?;
        let values = params![self.book.row, id.0, State::Ended as i64, integer(self.now)];
        let is_over: Option<bool> = select.query_row(values, |row| row.get(0)).optional()?;
        if is_over != Some(true) {
            return Ok(is_over.is_some());
        }
        // One that cannot be read is set aside, and keeps its id.
        let Some(slip) = self.slip(id)? else { return Ok(true) };
        self.delete(&slip)?;
        Ok(false)
    }

    /// Refuses what does not fit; closes windows that are over and drops dead letters where that
    /// makes it fit.
    fn make_room(&mut self, more: usize) -> SqlResult<Result<(), EnqueueError>> {
        let limits = self.queue.options.limits;
        if more > limits.bytes_max {
            let too_large = EnqueueError::TooLarge { bytes: more, bytes_max: limits.bytes_max };
            return Ok(Err(too_large));
        }
        let used = |book: &Book| book.live_bytes + book.key_bytes;
        while used(self.book).saturating_add(more) > limits.bytes_max && self.close_windows()? {}
        let (jobs, used) = (self.book.live(), used(self.book));
        let Some(left) = limits
            .bytes_max
            .checked_sub(used.saturating_add(more))
            .filter(|_| jobs < limits.jobs_max)
        else {
            return Ok(Err(EnqueueError::Full {
                jobs,
                jobs_max: limits.jobs_max,
                bytes: used + self.book.dead_bytes,
                bytes_max: limits.bytes_max,
            }));
        };
        while self.book.dead_bytes > left && self.drop_oldest_dead()? {}
        Ok(Ok(()))
    }

    /// Opens the window of a dedupe key; it is not open.
    fn open_window(&mut self, job: &NewJob) -> SqlResult<()> {
        let Some(dedupe) = job.dedupe.as_ref().filter(|dedupe| !dedupe.window.is_zero()) else {
            return Ok(());
        };
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO dedupe (queue, key, id, closes) VALUES (?1, ?2, ?3, ?4)",
        )?;
        let closes = self.now.saturating_add(millis(dedupe.window));
        insert.execute(params![self.book.row, dedupe.key, job.id.0, integer(closes)])?;
        self.book.keys += 1;
        self.book.key_bytes += key_bytes(dedupe);
        Ok(())
    }

    fn insert(
        &self,
        job: &NewJob,
        bytes: usize,
        state: State,
        rank: i64,
        since: u64,
    ) -> SqlResult<()> {
        let (start_after, start_at) = match job.start {
            Start::Now => (None, None),
            Start::After(wait) => (Some(micros(wait)), None),
            Start::At(unix_ms) => (None, Some(integer(unix_ms))),
        };
        let is_large = job.body.len() > INLINE_BYTES_MAX;
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO jobs (queue, id, state, rank, attempt, uncounted, tries, enqueued, since, \
             priority, caller, caller_variant, codec, body, body_bytes, key, trace, start_after, \
             start_at, dedupe_key, dedupe_window, attempts, run_timeout, bytes) VALUES \
             (?1, ?2, ?3, ?4, 0, 0, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
             ?17, ?18, ?19, ?20, ?21)",
        )?;
        let place = insert.insert(params![
            self.book.row,
            job.id.0,
            state as i64,
            rank,
            integer(self.now),
            integer(since),
            priority_rank(job.priority),
            job.caller.as_str(),
            job.caller_variant.as_str(),
            job.codec.wire(),
            (!is_large).then_some(&job.body[..]),
            integer(job.body.len()),
            job.key.as_deref(),
            job.trace.as_deref(),
            start_after,
            start_at,
            job.dedupe.as_ref().map(|dedupe| &dedupe.key),
            job.dedupe.as_ref().map(|dedupe| micros(dedupe.window)),
            job.attempts,
            job.run_timeout.map(micros),
            integer(bytes),
        ])?;
        if is_large {
            let mut insert =
                self.conn.prepare_cached("INSERT INTO bodies (place, body) VALUES (?1, ?2)")?;
            insert.execute(params![place, &job.body[..]])?;
        }
        Ok(())
    }
}
