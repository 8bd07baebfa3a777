//! What happens to a queue by the passing of time, done before anything else in a transaction.

use rusqlite::{Result as SqlResult, params};

use super::desk::Desk;
use super::limits::SETTLE_MAX;
use super::row::{State, integer};
use crate::job::AttemptError;
use crate::limits::DEDUPE_OVERHEAD_BYTES;

impl Desk<'_> {
    /// Makes ready what is due, takes back what nobody renewed and forgets what is old enough.
    pub(super) fn settle(&mut self) -> SqlResult<()> {
        for mut slip in self.first(State::Running, self.now, SETTLE_MAX)? {
            self.fail_run(&mut slip, AttemptError::LeaseExpired, None)?;
        }
        for mut slip in self.first(State::Scheduled, self.now, SETTLE_MAX)? {
            let due = slip.since;
            self.make_ready(&mut slip, due)?;
        }
        for slip in self.first(State::Ended, self.now, SETTLE_MAX)? {
            self.delete(&slip)?;
        }
        self.close_windows()?;
        Ok(())
    }

    /// When the next job becomes ready or its lease ends, if nothing else happens before.
    pub(super) fn next_wake(&self) -> SqlResult<Option<u64>> {
        let times = [self.first_rank(State::Scheduled)?, self.first_rank(State::Running)?];
        Ok(times.into_iter().flatten().min())
    }

    /// Forgets the first dedupe keys whose window is over; answers whether there were any.
    pub(super) fn close_windows(&mut self) -> SqlResult<bool> {
        if self.book.keys == 0 {
            return Ok(false);
        }
        let mut select = self.conn.prepare_cached(
            "SELECT key FROM dedupe WHERE queue = ?1 AND closes <= ?2 ORDER BY closes LIMIT ?3",
        )?;
        let values = params![self.book.row, integer(self.now), integer(SETTLE_MAX)];
        let keys: Vec<String> =
            select.query_map(values, |row| row.get(0))?.collect::<SqlResult<_>>()?;
        for key in &keys {
            self.close_window(key)?;
        }
        Ok(!keys.is_empty())
    }

    /// Forgets a dedupe key.
    pub(super) fn close_window(&mut self, key: &str) -> SqlResult<()> {
        let mut delete =
            self.conn.prepare_cached("DELETE FROM dedupe WHERE queue = ?1 AND key = ?2")?;
        delete.execute(params![self.book.row, key])?;
        let bytes = 2 * key.len() + DEDUPE_OVERHEAD_BYTES;
        self.book.keys = self.book.keys.saturating_sub(1);
        self.book.key_bytes = self.book.key_bytes.saturating_sub(bytes);
        Ok(())
    }
}
