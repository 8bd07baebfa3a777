//! Bodies that only caller and callee can read, where a queue is kept outside of their processes.
//! In a queue of the process itself nothing is sealed: who called is what the link has proven.

use std::time::Duration;

use bytes::Bytes;
use meshwork_queue::seal::{OpenError, SealError};
use meshwork_queue::{Lease, NewJob, QueueName, Reply};
use meshwork_schema::WorkerName;
use meshwork_shared::ids::JobId;
use tokio::time::{Instant, sleep};

use super::limits::{KEY_WITHIN, ROOT_HEARD_WITHIN};
use crate::worker::Worker;

/// How often a key that is on its way is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why a job is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its key is on its way to this instance.
    NotYet,
    /// It may not run, ever.
    Never(String),
}

/// Seals a job that is complete but for its seal.
pub(super) fn seal(worker: &Worker, queue: &QueueName, job: NewJob) -> Result<NewJob, SealError> {
    let inner = worker.inner();
    if inner.jobs.is_in_process() {
        return Ok(job);
    }
    inner.job_keys.load().seal(queue, job, &inner.jobs.random)
}

/// The arguments of a job, if the schema in force lets its caller call the command.
pub(super) async fn open(
    worker: &Worker,
    queue: &QueueName,
    lease: &Lease,
) -> Result<Bytes, Refused> {
    let inner = worker.inner();
    let Some(schema) = inner.schema() else { return Err(Refused::NotYet) };
    if inner.jobs.is_in_process() {
        let (caller, callee) = (lease.job.caller.as_str(), queue.worker.as_str());
        let may = schema.may_enqueue(caller, callee, queue.command.as_str());
        let refused = || Refused::Never(format!("the schema does not let `{caller}` call it"));
        return if may { Ok(lease.job.body.clone()) } else { Err(refused()) };
    }
    let until = Instant::now() + KEY_WITHIN;
    loop {
        let opened = inner.job_keys.load().open(queue, lease, &schema);
        let error = match opened {
            Ok(bytes) => return Ok(bytes),
            Err(error) if !error.is_retryable() => return Err(Refused::Never(error.to_string())),
            Err(error) => error,
        };
        let is_late = Instant::now() >= until;
        if let OpenError::NotYet { epoch } = error
            && !inner.job_keys.load().is_kept(epoch)
        {
            let newest = inner.job_keys.load().epochs().last().unwrap_or_default();
            let root = Unheard { epoch, newest, unix_ms: inner.jobs.clock.unix_ms(), is_late };
            if root.is_none(inner.has_master()) {
                return Err(Refused::Never(OpenError::UnknownEpoch { epoch }.to_string()));
            }
        }
        if is_late {
            return Err(Refused::NotYet);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// A root that a job names, newer than all that this instance was told of.
struct Unheard {
    /// When it was made, by the master's clock; later than any before, whatever that says.
    epoch: u64,
    /// The newest that this instance was told of.
    newest: u64,
    /// Now, by this machine's.
    unix_ms: u64,
    /// Whether its key was waited for.
    is_late: bool,
}

impl Unheard {
    /// Whether there is none such: the master has lost it, or somebody made it up. Without a
    /// session it may have been made since.
    fn is_none(&self, has_master: bool) -> bool {
        let within = u64::try_from(ROOT_HEARD_WITHIN.as_millis()).unwrap_or(u64::MAX);
        let is_ahead = self.epoch > self.unix_ms.max(self.newest).saturating_add(within);
        let is_old = self.epoch.saturating_add(within) < self.unix_ms;
        (is_ahead || is_old) && self.is_late && has_master
    }
}

/// Seals what a job answered, for its caller.
pub(super) fn seal_reply(
    worker: &Worker,
    queue: &QueueName,
    lease: &Lease,
    reply: Reply,
) -> Result<Reply, SealError> {
    let inner = worker.inner();
    if inner.jobs.is_in_process() {
        return Ok(reply);
    }
    inner.job_keys.load().seal_reply(queue, lease, reply, &inner.jobs.random)
}

/// Opens what a job answered that this worker had enqueued.
pub(super) fn open_reply(
    worker: &Worker,
    queue: &QueueName,
    job: JobId,
    reply: Reply,
) -> Result<Reply, OpenError> {
    let inner = worker.inner();
    if inner.jobs.is_in_process() {
        return Ok(reply);
    }
    let me: WorkerName = worker.identity().worker;
    inner.job_keys.load().open_reply(queue, job, &me, reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_that_the_master_would_have_told_of_is_none() {
        let now = 1_800_000_000_000;
        let made = |epoch: u64, is_late| Unheard { epoch, newest: 0, unix_ms: now, is_late };
        // Made a moment ago, by clocks that differ: its key is on its way.
        for epoch in [now - 59_000, now, now + 59_000] {
            assert!(!made(epoch, true).is_none(true), "{epoch}");
        }
        // An hour ago: the master says nothing of it, so it is lost; without a session it may come.
        let lost = made(now - 3_600_000, true);
        assert!(lost.is_none(true) && !lost.is_none(false));
        assert!(!made(now - 3_600_000, false).is_none(true), "a session may have begun just now");
        // An hour ahead: the same, for it is this machine's clock that may be wrong.
        let ahead = made(now + 3_600_000, true);
        assert!(ahead.is_none(true) && !ahead.is_none(false));
        assert!(!made(now + 3_600_000, false).is_none(true), "its key may be on its way");
        // The master's clock was wrong once: roots go on from there.
        let newest = now + 86_400_000;
        let next = Unheard { epoch: newest + 1, newest, unix_ms: now, is_late: true };
        assert!(!next.is_none(true));
    }
}
