//! Taking jobs, holding them and handing them back.

use rusqlite::{Result as SqlResult, Row, params};

use super::desk::Desk;
use super::row::{JOB, SLIP, Slip, State, integer, millis, read_job, read_row};
use crate::error::FinishError;
use crate::job::{Lease, LeaseToken, NewJob};
use crate::limits::LEASE_JOBS_MAX;

impl Desk<'_> {
    /// Takes at most `max` of the jobs that could run, at least one if there is one.
    pub(super) fn lease(&mut self, consumer: &str, max: usize) -> SqlResult<Vec<Lease>> {
        if !self.book.has_work() {
            return Ok(Vec::new());
        }
        let options = self.queue.options;
        self.book.backoff = Some(options.backoff);
        let mut leases = Vec::new();
        for (mut slip, job) in self.next_jobs(max.clamp(1, LEASE_JOBS_MAX))? {
            slip.attempt = slip.attempt.saturating_add(1);
            slip.tries = job.attempts.unwrap_or(options.attempts);
            slip.consumer = Some(consumer.to_owned());
            let ends = self.now.saturating_add(millis(options.lease));
            self.move_to(&mut slip, State::Running, ends, self.now)?;
            leases.push(Lease {
                id: slip.id,
                attempt: slip.attempt,
                is_last: slip.counted() >= slip.tries,
                enqueued_unix_ms: slip.enqueued,
                run_timeout: job.run_timeout.unwrap_or(options.run_timeout),
                job,
            });
        }
        Ok(leases)
    }

    /// The jobs that are next.
    fn next_jobs(&mut self, max: usize) -> SqlResult<Vec<(Slip, NewJob)>> {
        let sql = format!(
            "SELECT {SLIP}, {JOB} FROM jobs WHERE queue = ?1 AND state = ?2 \
             ORDER BY rank, place LIMIT ?3"
        );
        self.read(|desk| {
            let mut select = desk.conn.prepare_cached(&sql)?;
            let values = params![desk.book.row, State::Ready as i64, integer(max)];
            select.query_map(values, |row| read_row(row, whole_job))?.collect()
        })
    }

    /// Holds a lease for another [`QueueOptions::lease`](crate::QueueOptions::lease).
    pub(super) fn renew(&mut self, token: LeaseToken) -> SqlResult<Result<(), FinishError>> {
        let Some(slip) = self.held(token)? else { return Ok(Err(FinishError::LeaseLost)) };
        let ends = self.now.saturating_add(millis(self.queue.options.lease));
        let mut update = self.conn.prepare_cached("UPDATE jobs SET rank = ?2 WHERE place = ?1")?;
        update.execute(params![slip.place, integer(ends)])?;
        Ok(Ok(()))
    }

    /// Hands back a job that was not begun; it does not count as an attempt.
    pub(super) fn release(&mut self, token: LeaseToken) -> SqlResult<Result<(), FinishError>> {
        let Some(mut slip) = self.held(token)? else { return Ok(Err(FinishError::LeaseLost)) };
        slip.uncounted = slip.uncounted.saturating_add(1);
        self.make_ready(&mut slip, self.now)?;
        Ok(Ok(()))
    }

    /// The job, if its present run is the one that the token names.
    pub(super) fn held(&mut self, token: LeaseToken) -> SqlResult<Option<Slip>> {
        let slip = self.slip(token.id)?;
        Ok(slip.filter(|slip| slip.state == State::Running && slip.attempt == token.attempt))
    }
}

/// Reads the columns of [`SLIP`] and [`JOB`].
pub(super) fn whole_job(row: &Row<'_>) -> SqlResult<(Slip, NewJob)> {
    let slip = Slip::read(row)?;
    let job = read_job(row, &slip)?;
    Ok((slip, job))
}
