//! Ending runs.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::ids::JobId;
use redis::Value;
use tokio::time::Instant;

use super::answer::{Answer, strange};
use super::batch::Send1;
use super::queue::Core;
use super::record::reply_bytes;
use super::script;
use super::site::whole_ms;
use super::store::CallError;
use crate::error::FinishError;
use crate::job::{Finished, JobEnd, LeaseToken};
use crate::size::cut_text;

/// The end of a run, on its way into the store.
pub(super) struct Ending {
    argument: Bytes,
    /// The job, if this was its first run and all is said with that it is done.
    plain: Option<JobId>,
    /// How long the job waits if it runs again.
    delay: Duration,
}

impl Ending {
    /// `delay` is the wait if the end is a retry that names none.
    pub(super) fn new(token: LeaseToken, end: JobEnd, delay: impl FnOnce() -> Duration) -> Self {
        let is_plain = token.attempt == 1 && end == JobEnd::Done { reply: None };
        let mut argument = token_bytes(token);
        let mut wait = Duration::ZERO;
        match end {
            JobEnd::Done { reply } => {
                argument.push(b'd');
                argument.extend(reply.iter().flat_map(reply_bytes));
            }
            JobEnd::Retry { error, after } => {
                let ms = whole_ms(after.unwrap_or_else(delay));
                wait = Duration::from_millis(ms);
                argument.push(b'r');
                argument.extend(format!("{ms:013}").bytes());
                argument.extend(cut_text(&error).bytes());
            }
            JobEnd::Fail { error } => {
                argument.push(b'f');
                argument.extend(cut_text(&error).bytes());
            }
        }
        let plain = is_plain.then_some(token.id);
        Self { argument: argument.into(), plain, delay: wait }
    }
}

/// A token as the scripts read it.
pub(super) fn token_bytes(token: LeaseToken) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    out.extend(token.id.0);
    out.extend(format!("{:010}", token.attempt).bytes());
    out
}

/// Ends the runs of one queue.
pub(super) struct Finisher {
    core: Arc<Core>,
}

impl Finisher {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    async fn end(&self, items: &[Ending], until: Instant) -> Result<Vec<i64>, CallError> {
        // Most are plain, and their ids are one argument. None is there twice: its second end is
        // one of the others, and comes later.
        let mut seen = HashSet::with_capacity(items.len());
        let is_plain: Vec<bool> =
            items.iter().map(|item| item.plain.is_some_and(|id| seen.insert(id))).collect();
        let mut plain = Vec::with_capacity(16 * items.len());
        let mut arguments = vec![Bytes::new()];
        for (item, is_plain) in items.iter().zip(&is_plain) {
            match item.plain.filter(|_| *is_plain) {
                Some(id) => plain.extend(id.0),
                None => arguments.push(item.argument.clone()),
            }
        }
        let plain_count = plain.len() / 16;
        arguments[0] = plain.into();
        let value: Value = self.core.call(&script::FINISH, &arguments, until).await?;
        let mut answer = Answer::new(value)?;
        let all = items.iter().map(|_| answer.next_int()).collect::<Result<Vec<_>, _>>()?;
        let (of_plain, of_others) = all.split_at(plain_count);
        let (mut of_plain, mut of_others) = (of_plain.iter(), of_others.iter());
        let next = |is_plain: bool| match is_plain {
            true => of_plain.next(),
            false => of_others.next(),
        };
        is_plain.into_iter().map(next).map(|number| number.copied().ok_or_else(strange)).collect()
    }
}

impl Send1 for Finisher {
    type Item = Ending;
    type Answer = Result<Finished, FinishError>;

    fn bytes(item: &Ending) -> usize {
        item.argument.len()
    }

    fn not_sent() -> Self::Answer {
        Err(FinishError::Unavailable { message: "the store was busy for too long".to_owned() })
    }

    fn late() -> Self::Answer {
        Err(FinishError::Unavailable { message: "no answer in time".to_owned() })
    }

    fn failed(error: CallError) -> Self::Answer {
        Err(unavailable(error))
    }

    /// Nobody asks whether the end of a run was sent.
    async fn reach(&self, _: Instant) -> Result<(), CallError> {
        Ok(())
    }

    async fn send(&self, items: Vec<Ending>, until: Instant) -> Vec<Self::Answer> {
        let numbers = match self.end(&items, until).await {
            Ok(numbers) => numbers,
            Err(error) => return items.iter().map(|_| Err(unavailable(error.clone()))).collect(),
        };
        let finished = |(item, number): (&Ending, i64)| match number {
            0 => Err(FinishError::LeaseLost),
            1 => Ok(Finished::Done),
            2 => Ok(Finished::Retried { delay: item.delay }),
            3 => Ok(Finished::Dead),
            _ => Err(unavailable(strange())),
        };
        items.iter().zip(numbers).map(finished).collect()
    }
}

/// A failed call, as whoever holds a lease must know it.
pub(super) fn unavailable(error: CallError) -> FinishError {
    FinishError::Unavailable { message: error.message }
}
