//! The end of a run, and what follows from it.

use std::time::Duration;

use rusqlite::{Result as SqlResult, params};

use super::desk::Desk;
use super::row::{Slip, State, integer, millis};
use crate::backoff;
use crate::error::FinishError;
use crate::job::{AttemptError, Finished, JobEnd, LeaseToken};
use crate::limits::{DONE_JOBS_MAX, ENDED_BYTES_SHARE};
use crate::size::ended_bytes;
use crate::status::Reply;

/// Longest wait that is reckoned with, as in the other backends.
const WAIT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Desk<'_> {
    /// Ends the run that `token` names.
    pub(super) fn finish(
        &mut self,
        token: LeaseToken,
        end: &JobEnd,
    ) -> SqlResult<Result<Finished, FinishError>> {
        let Some(mut slip) = self.held(token)? else { return Ok(Err(FinishError::LeaseLost)) };
        let failed = |error: &String| AttemptError::Failed { message: error.clone() };
        Ok(Ok(match end {
            JobEnd::Done { reply } => {
                self.remember(&slip, reply.as_ref(), false)?;
                self.book.done += 1;
                Finished::Done
            }
            JobEnd::Retry { error, after } => self.fail_run(&mut slip, failed(error), *after)?,
            JobEnd::Fail { error } => {
                let more = slip.note(failed(error), self.now);
                self.grow(more);
                self.give_up(&mut slip)?;
                Finished::Dead
            }
        }))
    }

    /// Notes the failure of the present run; the job waits for the next one or is dead.
    pub(super) fn fail_run(
        &mut self,
        slip: &mut Slip,
        error: AttemptError,
        after: Option<Duration>,
    ) -> SqlResult<Finished> {
        let is_lost = error == AttemptError::LeaseExpired;
        let more = slip.note(error, self.now);
        self.grow(more);
        if slip.counted() >= slip.tries {
            self.give_up(slip)?;
            return Ok(Finished::Dead);
        }
        // Whoever finds that a lease is over may have come only to look.
        let kept = self.book.backoff.filter(|_| is_lost);
        let range = kept.unwrap_or(self.queue.options.backoff);
        let backoff = || backoff::delay(range, slip.counted(), self.random);
        let delay = after.unwrap_or_else(backoff).min(WAIT_MAX);
        let due = self.now.saturating_add(millis(delay));
        self.move_to(slip, State::Scheduled, due, due)?;
        self.book.retried += 1;
        Ok(Finished::Retried { delay })
    }

    /// Keeps of a live job only how it ended, for as long and as far as there is room.
    pub(super) fn remember(
        &mut self,
        slip: &Slip,
        reply: Option<&Reply>,
        is_canceled: bool,
    ) -> SqlResult<()> {
        let bytes = ended_bytes(reply);
        let until = self.now.saturating_add(millis(self.queue.options.done_kept));
        let mut update = self.conn.prepare_cached(
            "UPDATE jobs SET state = ?2, rank = ?3, since = ?4, bytes = ?5, reply_codec = ?6, \
             reply = ?7, is_canceled = ?8, body = NULL, body_bytes = 0, key = NULL, trace = NULL, \
             dedupe_key = NULL, dedupe_window = NULL, consumer = NULL, history = NULL \
             WHERE place = ?1",
        )?;
        update.execute(params![
            slip.place,
            State::Ended as i64,
            integer(until),
            integer(self.now),
            integer(bytes),
            reply.map(|reply| reply.codec.wire()),
            reply.map(|reply| &reply.body[..]),
            is_canceled,
        ])?;
        self.drop_body(slip)?;
        self.book.live_bytes = self.book.live_bytes.saturating_sub(slip.bytes);
        self.book.ended_bytes += bytes;
        self.book.add(slip.state, -1);
        self.book.add(State::Ended, 1);
        self.events.over.push(slip.id);
        self.forget_surplus()
    }

    /// Forgets the oldest of the ended jobs while there are too many.
    fn forget_surplus(&mut self) -> SqlResult<()> {
        let bytes_max = self.queue.options.limits.bytes_max / ENDED_BYTES_SHARE;
        while self.book.count(State::Ended) > DONE_JOBS_MAX || self.book.ended_bytes > bytes_max {
            let Some(oldest) = self.first(State::Ended, u64::MAX, 1)?.pop() else { break };
            self.delete(&oldest)?;
        }
        Ok(())
    }
}
