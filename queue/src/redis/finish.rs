//! Ending runs.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
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
    token: LeaseToken,
    /// What the script is told behind the token; `None` if this was the job's first run, and all
    /// is said with that it is done.
    how: Option<Vec<u8>>,
    /// How long the job waits if it runs again.
    delay: Duration,
}

impl Ending {
    /// `delay` is the wait if the end is a retry that names none.
    pub(super) fn new(token: LeaseToken, end: JobEnd, delay: impl FnOnce() -> Duration) -> Self {
        let mut wait = Duration::ZERO;
        let how = match end {
            JobEnd::Done { reply: None } if token.attempt == 1 => None,
            JobEnd::Done { reply } => Some(
                [b"d".as_slice(), &reply.as_ref().map(reply_bytes).unwrap_or_default()].concat(),
            ),
            JobEnd::Retry { error, after } => {
                let ms = whole_ms(after.unwrap_or_else(delay));
                wait = Duration::from_millis(ms);
                Some(format!("r{ms:013}{}", cut_text(&error)).into())
            }
            JobEnd::Fail { error } => Some(format!("f{}", cut_text(&error)).into()),
        };
        Self { token, how, delay: wait }
    }

    /// As the script reads it.
    fn argument(&self) -> Bytes {
        let mut argument = token_bytes(self.token);
        argument.extend(self.how.as_deref().unwrap_or(b"d"));
        argument.into()
    }
}

/// Bytes of a token as the scripts read it.
const TOKEN_BYTES: usize = 16 + 10;

/// A token as the scripts read it.
pub(super) fn token_bytes(token: LeaseToken) -> Vec<u8> {
    let mut out = Vec::with_capacity(TOKEN_BYTES + 1);
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
            items.iter().map(|item| item.how.is_none() && seen.insert(item.token.id)).collect();
        let mut plain = Vec::with_capacity(16 * items.len());
        let mut arguments = vec![Bytes::new()];
        for (item, is_plain) in items.iter().zip(&is_plain) {
            match is_plain {
                true => plain.extend(item.token.id.0),
                false => arguments.push(item.argument()),
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
        TOKEN_BYTES + item.how.as_ref().map_or(1, Vec::len)
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
