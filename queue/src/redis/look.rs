//! What can be asked about a queue in the store, and what people do to it beside running it.

use bytes::Bytes;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use redis::Value;
use tokio::time::{Instant, sleep};

use super::answer::{Answer, job_id, number};
use super::codec::decode;
use super::queue::{Core, RedisQueue};
use super::record::{Record, parse_history};
use super::script::{self, Script};
use super::store::{CALL_TIMEOUT, CallError};
use crate::error::Unavailable;
use crate::job::{DeadLetter, NewJob};
use crate::status::{Canceled, JobStatus, JobSummary, QueueDepth, Section};

/// How many jobs one script moves or reads at most: it holds up the server meanwhile.
const SCRIPT_JOBS_MAX: usize = 500;

/// How long a job is waited for at most before it is looked at, should its end not be told; and
/// the same while there is no bell.
const LOOK_INTERVAL_MS: (u64, u64) = (10_000, 500);

impl RedisQueue {
    pub(super) async fn newest_due(&self) -> Result<Option<u64>, Unavailable> {
        let due = number_of(self.ask(&script::DUE, Vec::new()).await?)?;
        // One more is kept, so that 0 stands for none.
        Ok(u64::try_from(due - 1).ok())
    }

    /// What became of a job; `is_awaited` asks to be told of its end.
    pub(super) async fn look_at(
        &self,
        job: JobId,
        is_awaited: bool,
    ) -> Result<Option<JobStatus>, Unavailable> {
        let awaited = if is_awaited { "1" } else { "0" };
        let arguments = vec![id_bytes(job), Bytes::from_static(awaited.as_bytes())];
        let value = self.ask(&script::STATUS, arguments).await?;
        let read = |value| -> Result<Option<JobStatus>, CallError> {
            let mut answer = Answer::new(value)?;
            if answer.is_empty() {
                return Ok(None);
            }
            let (record, history) = (answer.next_bytes()?, answer.next_bytes()?);
            let record = Record::parse(&record).ok_or_else(super::answer::strange)?;
            Ok(Some(record.status(&parse_history(&history))))
        };
        read(value).map_err(unavailable)
    }

    pub(super) async fn end_of(&self, job: JobId) -> Result<Option<JobStatus>, Unavailable> {
        let ring = self.ring();
        let ended = ring.ended(job);
        loop {
            // Made before the look: an end in between is not missed.
            let told = ended.notified();
            match self.look_at(job, true).await {
                Ok(Some(status)) if !status.is_final() => {}
                result => return result,
            }
            let look = match ring.is_heard() {
                true => LOOK_INTERVAL_MS.0.min(super::site::whole_ms(self.core.options.lease)),
                false => LOOK_INTERVAL_MS.1,
            };
            tokio::select! {
                biased;
                () = told => {}
                () = sleep(std::time::Duration::from_millis(look.max(1))) => {}
            }
        }
    }

    pub(super) async fn take_away(&self, job: JobId) -> Result<Canceled, Unavailable> {
        let canceled = number_of(self.ask(&script::CANCEL, vec![id_bytes(job)]).await?)?;
        Ok(match canceled {
            1 => Canceled::Yes,
            2 => Canceled::Running,
            _ => Canceled::Over,
        })
    }

    pub(super) async fn measure(&self) -> Result<QueueDepth, Unavailable> {
        let core = self.core.clone();
        self.run(async move { measure(&core).await }).await
    }

    pub(super) async fn page(
        &self,
        section: Section,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Vec<JobSummary>, Unavailable> {
        let (mut page, mut after) = (Vec::new(), after);
        while page.len() < limit {
            let count = (limit - page.len()).min(SCRIPT_JOBS_MAX);
            let arguments = vec![
                Bytes::from_static(section_name(section).as_bytes()),
                after.map_or(Bytes::new(), id_bytes),
                count.to_string().into(),
            ];
            let value = self.ask(&script::PEEK, arguments).await?;
            let more = read_page(value).map_err(unavailable)?;
            let is_end = more.len() < count;
            after = more.last().map(|job| job.id);
            page.extend(more);
            if is_end {
                break;
            }
        }
        Ok(page)
    }

    pub(super) async fn letter(&self, job: JobId) -> Result<Option<DeadLetter>, Unavailable> {
        let value = self.ask(&script::LETTER, vec![id_bytes(job)]).await?;
        read_letter(job, value).map_err(unavailable)
    }

    pub(super) async fn repair(
        &self,
        what: &'static str,
        which: Bytes,
        limit: usize,
    ) -> Result<usize, Unavailable> {
        let mut moved = 0;
        while moved < limit {
            let count = (limit - moved).min(SCRIPT_JOBS_MAX);
            let arguments = vec![
                Bytes::from_static(what.as_bytes()),
                which.clone(),
                Bytes::from(count.to_string()),
            ];
            let core = self.core.clone();
            let work = async move {
                let until = Instant::now() + CALL_TIMEOUT;
                core.call_once(&script::REPAIR, &arguments, until).await
            };
            let done = number_of(self.run(work).await?)?;
            let done = usize::try_from(done).unwrap_or_default();
            moved += done;
            if done < count {
                break;
            }
        }
        Ok(moved)
    }

    pub(super) async fn pause(&self, paused: bool) -> Result<(), Unavailable> {
        if paused {
            // Also one that nobody used yet: who paused it finds it on the list.
            let core = self.core.clone();
            let until = Instant::now() + CALL_TIMEOUT;
            let noted = self.run(async move { core.store.command(&core.site.note(), until).await });
            noted.await?;
        }
        let paused = if paused { "1" } else { "0" };
        self.ask(&script::PAUSE, vec![Bytes::from_static(paused.as_bytes())]).await.map(drop)
    }

    async fn ask(
        &self,
        script: &'static Script,
        arguments: Vec<Bytes>,
    ) -> Result<Value, Unavailable> {
        let core = self.core.clone();
        self.run(async move { ask(&core, script, &arguments).await }).await
    }
}

/// How much of what is in a queue.
pub(super) async fn measure(core: &Core) -> Result<QueueDepth, CallError> {
    read_depth(ask(core, &script::DEPTH, &[]).await?)
}

async fn ask(core: &Core, script: &Script, arguments: &[Bytes]) -> Result<Value, CallError> {
    core.call(script, arguments, Instant::now() + CALL_TIMEOUT).await
}

/// What scripts call a section.
pub(super) fn section_name(section: Section) -> &'static str {
    match section {
        Section::Ready => "ready",
        Section::Scheduled => "scheduled",
        Section::Running => "running",
        Section::Dead => "dead",
    }
}

fn id_bytes(job: JobId) -> Bytes {
    Bytes::copy_from_slice(&job.0)
}

fn number_of(value: Value) -> Result<i64, Unavailable> {
    number(value).map_err(unavailable)
}

fn unavailable(error: CallError) -> Unavailable {
    Unavailable { message: error.message }
}

fn read_depth(value: Value) -> Result<QueueDepth, CallError> {
    let mut answer = Answer::new(value)?;
    Ok(QueueDepth {
        ready: answer.next_size()?,
        scheduled: answer.next_size()?,
        running: answer.next_size()?,
        dead: answer.next_size()?,
        dead_dropped: answer.next_count()?,
        retried: answer.next_count()?,
        done: answer.next_count()?,
        oldest_ready_ms: u64::try_from(answer.next_int()?).ok(),
        bytes: answer.next_size()?,
        is_paused: answer.next_int()? != 0,
    })
}

fn read_page(value: Value) -> Result<Vec<JobSummary>, CallError> {
    let mut answer = Answer::new(value)?;
    let mut page = Vec::with_capacity(answer.len() / 6);
    while !answer.is_empty() {
        let (record, head) = (answer.next_bytes()?, answer.next_bytes()?);
        let (body_bytes, enqueued_unix_ms) = (answer.next_size()?, answer.next_count()?);
        let (history, id) = (answer.next_bytes()?, job_id(&answer.next_bytes()?)?);
        let Some(Record::Kept(kept)) = Record::parse(&record) else { continue };
        let job = decode(&head).unwrap_or_else(|| unreadable(id, head));
        page.push(JobSummary {
            id,
            caller: job.caller,
            caller_variant: job.caller_variant,
            priority: job.priority,
            body_bytes,
            enqueued_unix_ms,
            since_unix_ms: kept.since_unix_ms(),
            consumer: kept.consumer().map(str::to_owned),
            attempts: kept.attempts(),
            last: parse_history(&history).pop(),
        });
    }
    Ok(page)
}

fn read_letter(id: JobId, value: Value) -> Result<Option<DeadLetter>, CallError> {
    let mut answer = Answer::new(value)?;
    if answer.is_empty() {
        return Ok(None);
    }
    let (record, blob) = (answer.next_bytes()?, answer.next_bytes()?);
    let (enqueued_unix_ms, history) = (answer.next_count()?, answer.next_bytes()?);
    let Some(Record::Kept(kept)) = Record::parse(&record) else { return Ok(None) };
    Ok(Some(DeadLetter {
        id,
        job: decode(&blob).unwrap_or_else(|| unreadable(id, blob)),
        enqueued_unix_ms,
        died_unix_ms: kept.since_unix_ms(),
        history: parse_history(&history),
    }))
}

/// What is shown in the place of a job that somebody else put there.
fn unreadable(id: JobId, bytes: Bytes) -> NewJob {
    let caller = "unknown".parse().expect("a valid name");
    let variant = "unknown".parse().expect("a valid variant");
    NewJob::new(id, caller, variant, Codec::Raw, bytes)
}
