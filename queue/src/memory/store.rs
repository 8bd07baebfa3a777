//! How jobs come into a queue in memory.

use std::time::Duration;

use meshwork_shared::ids::JobId;

use super::entry::{Entry, State};
use super::queue::{MemoryQueue, Now, WAIT_MAX, later, later_unix_ms};
use crate::error::EnqueueError;
use crate::job::{Dedupe, Enqueued, NewJob, Start};
use crate::limits::DUE_AHEAD_MS_MAX;
use crate::size::{job_bytes, key_bytes};

impl MemoryQueue {
    /// Stores a job behind all others of its priority, unless it or one of its dedupe key is there.
    ///
    /// # Errors
    /// [`EnqueueError`]: nothing was stored.
    pub fn enqueue(&mut self, job: NewJob, now: Now) -> Result<Enqueued, EnqueueError> {
        self.advance(now);
        if let Some(id) = self.duplicate(&job) {
            return Ok(Enqueued { id, is_duplicate: true });
        }
        self.make_room(job_bytes(&job) + job.dedupe.as_ref().map_or(0, key_bytes))?;
        let id = job.id;
        if let Some(dedupe) = &job.dedupe {
            self.keys.insert(dedupe, id, now.instant);
        }
        let wait = match job.start {
            Start::Now => Duration::ZERO,
            Start::After(wait) => wait.min(WAIT_MAX),
            Start::At(unix_ms) => Duration::from_millis(unix_ms.saturating_sub(now.unix_ms)),
        };
        let mut entry = Entry::new(job, self.next_place(), now.unix_ms);
        if !wait.is_zero() {
            entry.state = State::Scheduled { due: later(now.instant, wait) };
            entry.since_unix_ms = later_unix_ms(now.unix_ms, wait);
        }
        self.live.insert(entry);
        Ok(Enqueued { id, is_duplicate: false })
    }

    /// Stores the job of a due time, unless that of this or a later one was.
    ///
    /// # Errors
    /// [`EnqueueError`]: nothing was stored, nor noted.
    pub fn enqueue_due(
        &mut self,
        due_unix_ms: u64,
        job: NewJob,
        now: Now,
    ) -> Result<bool, EnqueueError> {
        let is_past = self.last_due.is_some_and(|last| due_unix_ms <= last);
        if is_past || due_unix_ms > now.unix_ms.saturating_add(DUE_AHEAD_MS_MAX) {
            return Ok(false);
        }
        let stored = self.enqueue(job, now)?;
        self.last_due = Some(due_unix_ms);
        Ok(!stored.is_duplicate)
    }

    /// The newest due time whose job was stored.
    pub fn last_due(&self) -> Option<u64> {
        self.last_due
    }

    /// The job that this one would be a second one of.
    fn duplicate(&self, job: &NewJob) -> Option<JobId> {
        let is_known = self.live.place(job.id).is_some()
            || self.ended.contains(job.id)
            || self.dead.get(job.id).is_some();
        if is_known {
            return Some(job.id);
        }
        self.keys.job(job.dedupe.as_ref().map(|Dedupe { key, .. }| key)?)
    }

    /// Refuses what does not fit; drops dead letters where that makes it fit.
    fn make_room(&mut self, more: usize) -> Result<(), EnqueueError> {
        let limits = self.options.limits;
        if more > limits.bytes_max {
            return Err(EnqueueError::TooLarge { bytes: more, bytes_max: limits.bytes_max });
        }
        let (jobs, used) = (self.live.len(), self.live.bytes() + self.keys.bytes());
        match limits.bytes_max.checked_sub(used.saturating_add(more)) {
            Some(left) if jobs < limits.jobs_max => {
                self.dead.shrink(left);
                Ok(())
            }
            _ => Err(EnqueueError::Full {
                jobs,
                jobs_max: limits.jobs_max,
                bytes: used + self.dead.bytes(),
                bytes_max: limits.bytes_max,
            }),
        }
    }
}
