//! One queue within a transaction: how its jobs move, and its counters with them. What is done with
//! it is in the files beside this one.

use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use rusqlite::{Connection, OptionalExtension, Result as SqlResult, params};

use super::batch::Opened;
use super::book::{Book, Events};
use super::row::{ASIDE, SLIP, Slip, State, Unreadable, integer, priority_rank, read_row};

/// A queue and the transaction that works on it.
pub(super) struct Desk<'a> {
    pub(super) conn: &'a Connection,
    pub(super) book: &'a mut Book,
    pub(super) events: &'a mut Events,
    pub(super) queue: &'a Opened,
    /// Unix milliseconds.
    pub(super) now: u64,
    pub(super) random: &'a Random,
}

impl Desk<'_> {
    /// A job by its id, in whatever state.
    pub(super) fn slip(&mut self, id: JobId) -> SqlResult<Option<Slip>> {
        let sql =
            format!("SELECT {SLIP} FROM jobs WHERE queue = ?1 AND id = ?2 AND state != {ASIDE}");
        let slips = self.read(|desk| {
            let mut select = desk.conn.prepare_cached(&sql)?;
            let values = params![desk.book.row, id.0];
            select.query_map(values, |row| read_row(row, Slip::read))?.collect()
        })?;
        Ok(slips.into_iter().next())
    }

    /// The first jobs of a state, at most `limit`, as far as their rank is at most `rank_max`.
    pub(super) fn first(
        &mut self,
        state: State,
        rank_max: u64,
        limit: usize,
    ) -> SqlResult<Vec<Slip>> {
        if self.book.count(state) == 0 {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {SLIP} FROM jobs WHERE queue = ?1 AND state = ?2 AND rank <= ?3 \
             ORDER BY rank, place LIMIT ?4"
        );
        self.read(|desk| {
            let mut select = desk.conn.prepare_cached(&sql)?;
            let values = params![desk.book.row, state as i64, integer(rank_max), integer(limit)];
            select.query_map(values, |row| read_row(row, Slip::read))?.collect()
        })
    }

    /// What `select` finds. Rows that cannot be read are set aside, and it looks again.
    pub(super) fn read<T>(
        &mut self,
        select: impl Fn(&Desk<'_>) -> SqlResult<Vec<Result<T, Unreadable>>>,
    ) -> SqlResult<Vec<T>> {
        loop {
            let (mut found, mut is_whole) = (Vec::new(), true);
            for row in select(self)? {
                match row {
                    Ok(read) => found.push(read),
                    Err(unreadable) => {
                        is_whole = false;
                        self.set_aside(&unreadable)?;
                    }
                }
            }
            if is_whole {
                return Ok(found);
            }
        }
    }

    /// Leaves a row out of the queue for good, and says so: it would stop all others. It stays in
    /// the file, for whoever wants to know what became of it.
    fn set_aside(&mut self, unreadable: &Unreadable) -> SqlResult<()> {
        let Unreadable { place, error } = unreadable;
        let mut select =
            self.conn.prepare_cached("SELECT state, bytes, hex(id) FROM jobs WHERE place = ?1")?;
        let (state, bytes, id): (i64, i64, String) =
            select.query_row([place], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let mut update = self.conn.prepare_cached("UPDATE jobs SET state = ?2 WHERE place = ?1")?;
        update.execute(params![place, ASIDE])?;
        let queue = &self.queue.text;
        log::error!("{queue}: job {id} in row {place} is not readable and is set aside: {error}");
        if let Some(state) = State::of(state) {
            self.book.add(state, -1);
            let counted = self.bytes_of(state);
            *counted = counted.saturating_sub(usize::try_from(bytes).unwrap_or_default());
        }
        self.book.dead_dropped += 1;
        Ok(())
    }

    /// The bytes of all jobs in a state, with others that count with them.
    fn bytes_of(&mut self, state: State) -> &mut usize {
        match state {
            State::Dead => &mut self.book.dead_bytes,
            State::Ended => &mut self.book.ended_bytes,
            State::Ready | State::Scheduled | State::Running => &mut self.book.live_bytes,
        }
    }

    /// The lowest rank in a state.
    pub(super) fn first_rank(&self, state: State) -> SqlResult<Option<u64>> {
        if self.book.count(state) == 0 {
            return Ok(None);
        }
        let mut select = self.conn.prepare_cached(
            "SELECT rank FROM jobs WHERE queue = ?1 AND state = ?2 ORDER BY rank LIMIT 1",
        )?;
        select.query_row(params![self.book.row, state as i64], |row| row.get(0)).optional()
    }

    /// Moves a job to another state, and writes what changed of it.
    pub(super) fn move_to(
        &mut self,
        slip: &mut Slip,
        state: State,
        rank: u64,
        since: u64,
    ) -> SqlResult<()> {
        let mut update = self.conn.prepare_cached(
            "UPDATE jobs SET state = ?2, rank = ?3, since = ?4, attempt = ?5, uncounted = ?6, \
             tries = ?7, consumer = ?8, history = ?9, bytes = ?10 WHERE place = ?1",
        )?;
        update.execute(params![
            slip.place,
            state as i64,
            integer(rank),
            integer(since),
            slip.attempt,
            slip.uncounted,
            slip.tries,
            slip.consumer,
            slip.history_text()?,
            integer(slip.bytes),
        ])?;
        self.book.add(slip.state, -1);
        self.book.add(state, 1);
        slip.state = state;
        slip.since = since;
        match state {
            State::Ready => self.events.has_ready = true,
            State::Scheduled => self.events.has_scheduled = true,
            State::Running | State::Dead | State::Ended => {}
        }
        Ok(())
    }

    /// Makes a job ready, since `since`.
    pub(super) fn make_ready(&mut self, slip: &mut Slip, since: u64) -> SqlResult<()> {
        let rank = priority_rank(slip.priority).unsigned_abs();
        self.move_to(slip, State::Ready, rank, since)
    }

    /// Deletes a job; nothing is known of it any more.
    pub(super) fn delete(&mut self, slip: &Slip) -> SqlResult<()> {
        self.conn.prepare_cached("DELETE FROM jobs WHERE place = ?1")?.execute([slip.place])?;
        self.drop_body(slip)?;
        self.book.add(slip.state, -1);
        let bytes = self.bytes_of(slip.state);
        *bytes = bytes.saturating_sub(slip.bytes);
        Ok(())
    }

    /// Deletes a body that has a place of its own.
    pub(super) fn drop_body(&self, slip: &Slip) -> SqlResult<()> {
        if slip.is_large() {
            let mut delete = self.conn.prepare_cached("DELETE FROM bodies WHERE place = ?1")?;
            delete.execute([slip.place])?;
        }
        Ok(())
    }

    /// Makes a dead letter of a job that is live; the oldest give way if there are too many.
    pub(super) fn give_up(&mut self, slip: &mut Slip) -> SqlResult<()> {
        self.book.live_bytes = self.book.live_bytes.saturating_sub(slip.bytes);
        self.book.dead_bytes += slip.bytes;
        self.move_to(slip, State::Dead, self.now, self.now)?;
        self.events.over.push(slip.id);
        let letters_max = self.queue.options.limits.dead_letters_max;
        while self.book.count(State::Dead) > letters_max && self.drop_oldest_dead()? {}
        Ok(())
    }

    /// Drops the oldest dead letter; answers whether there was one.
    pub(super) fn drop_oldest_dead(&mut self) -> SqlResult<bool> {
        let Some(oldest) = self.first(State::Dead, u64::MAX, 1)?.pop() else { return Ok(false) };
        self.delete(&oldest)?;
        self.book.dead_dropped += 1;
        Ok(true)
    }

    /// Notes that jobs take more bytes, or less.
    pub(super) fn grow(&mut self, more: i64) {
        let more = isize::try_from(more).unwrap_or(isize::MAX);
        self.book.live_bytes = self.book.live_bytes.saturating_add_signed(more);
    }
}
