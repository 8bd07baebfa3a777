//! What people and masters do to a queue beside running it.

use meshwork_shared::ids::JobId;
use rusqlite::{Result as SqlResult, params};

use super::desk::Desk;
use super::look::state_of;
use super::row::{SLIP, Slip, State, integer, read_row};
use crate::job::AttemptError;
use crate::status::{Canceled, Section};

impl Desk<'_> {
    /// Takes a job away that does not run.
    pub(super) fn cancel(&mut self, id: JobId) -> SqlResult<Canceled> {
        let Some(slip) = self.slip(id)? else { return Ok(Canceled::Over) };
        match slip.state {
            State::Running => Ok(Canceled::Running),
            State::Dead | State::Ended => Ok(Canceled::Over),
            State::Ready | State::Scheduled => {
                self.remember(&slip, None, true)?;
                Ok(Canceled::Yes)
            }
        }
    }

    /// Makes dead letters jobs again, as far as there is room; answers how many.
    pub(super) fn retry_dead(&mut self, id: Option<JobId>, limit: usize) -> SqlResult<usize> {
        let room = self.queue.options.limits.jobs_max.saturating_sub(self.book.live());
        let limit = limit.min(room);
        let letters = match id {
            None => self.first(State::Dead, u64::MAX, limit)?,
            Some(_) if limit == 0 => Vec::new(),
            Some(id) => {
                let letter = self.slip(id)?.filter(|slip| slip.state == State::Dead);
                letter.into_iter().collect()
            }
        };
        let count = letters.len();
        for mut slip in letters {
            slip.uncounted = slip.attempt;
            self.book.dead_bytes = self.book.dead_bytes.saturating_sub(slip.bytes);
            self.book.live_bytes += slip.bytes;
            self.make_ready(&mut slip, self.now)?;
            self.move_to_the_end(&slip)?;
        }
        Ok(count)
    }

    /// Gives a job a new place, behind all others.
    fn move_to_the_end(&self, slip: &Slip) -> SqlResult<()> {
        let mut update = self.conn.prepare_cached(
            "UPDATE jobs SET place = (SELECT max(place) + 1 FROM jobs) WHERE place = ?1 \
             RETURNING place",
        )?;
        let place: i64 = update.query_row([slip.place], |row| row.get(0))?;
        if slip.is_large() {
            let mut update =
                self.conn.prepare_cached("UPDATE bodies SET place = ?2 WHERE place = ?1")?;
            update.execute(params![slip.place, place])?;
        }
        Ok(())
    }

    /// Makes dead letters of jobs that wait, oldest first; answers how many.
    pub(super) fn bury(&mut self, note: &str, limit: usize) -> SqlResult<usize> {
        let sql = format!(
            "SELECT {SLIP} FROM jobs WHERE queue = ?1 AND state IN (?2, ?3) ORDER BY place LIMIT ?4"
        );
        let states = (State::Ready as i64, State::Scheduled as i64);
        let slips = self.read(|desk| {
            let mut select = desk.conn.prepare_cached(&sql)?;
            let values = params![desk.book.row, states.0, states.1, integer(limit)];
            select.query_map(values, |row| read_row(row, Slip::read))?.collect()
        })?;
        let count = slips.len();
        for mut slip in slips {
            let more = slip.note(AttemptError::Buried { note: note.to_owned() }, self.now);
            self.grow(more);
            self.give_up(&mut slip)?;
        }
        Ok(count)
    }

    /// Deletes the first jobs of a section; answers how many.
    pub(super) fn purge(&mut self, section: Section, limit: usize) -> SqlResult<usize> {
        let state = state_of(section);
        if state == State::Running {
            return Ok(0);
        }
        let slips = self.first(state, u64::MAX, limit)?;
        for slip in &slips {
            self.delete(slip)?;
            self.events.over.push(slip.id);
        }
        Ok(slips.len())
    }

    /// Stops or lets go on the leasing of jobs.
    pub(super) fn set_paused(&mut self, is_paused: bool) -> SqlResult<()> {
        self.book.ensure_row(self.conn, &self.queue.name)?;
        self.book.is_paused = is_paused;
        self.events.has_ready |= !is_paused;
        Ok(())
    }
}
