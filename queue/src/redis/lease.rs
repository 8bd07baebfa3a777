//! Waiting for jobs and taking them.
//!
//! A call of [`lease`](crate::Queue::lease) is a task on the thread that talks with the store: it
//! asks, and asks again when the bell rings, when something is due or a lease may end, or after
//! [`LOOK_INTERVAL`]. What it took for a caller that is gone is handed back.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::Value;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep};

use super::answer::{Answer, job_id, strange};
use super::bell::Ring;
use super::finish::token_bytes;
use super::io::Io;
use super::queue::Core;
use super::script;
use super::store::{CALL_TIMEOUT, CallError};
use crate::error::FinishError;
use crate::job::LeaseToken;

/// How long a consumer waits at most before it looks, should the bell not have been heard.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The same while there is no bell.
const LOOK_INTERVAL_DEAF: Duration = Duration::from_millis(500);

/// The wait after a call that failed; each has waited [`CALL_TIMEOUT`] or was refused.
const FAILURE_WAIT: Duration = Duration::from_millis(250);

/// Who leaves waits no longer than this for a store that does not say what it gave.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// A job as it came from the store.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) token: LeaseToken,
    /// Runs that count, this one included.
    pub(super) attempts: u32,
    pub(super) enqueued_unix_ms: u64,
    pub(super) blob: Bytes,
}

/// Takings whose callers are gone. Each is over when its sender is dropped: what it took, if
/// anything, is handed back by then, unless the store does not answer.
#[derive(Default)]
pub(super) struct Withdrawn(Mutex<Vec<watch::Receiver<()>>>);

impl Withdrawn {
    fn push(&self, taking: watch::Receiver<()>) {
        self.under_way(|all| all.push(taking));
    }

    /// Waits until all of them are over.
    pub(super) async fn over(&self) {
        for mut taking in self.under_way(|all| all.clone()) {
            // Nothing is ever sent: this is the end of the sender.
            let _ = taking.changed().await;
        }
    }

    fn under_way<R>(&self, then: impl FnOnce(&mut Vec<watch::Receiver<()>>) -> R) -> R {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|taking| taking.has_changed().is_ok());
        then(&mut all)
    }
}

/// A caller that waits for jobs. Gone before it has its answer, its taking is withdrawn.
pub(super) struct Waiter {
    core: Arc<Core>,
    taking: Option<watch::Receiver<()>>,
}

impl Waiter {
    /// The caller of the taking that ends with the sender of `taking`.
    pub(super) fn new(core: Arc<Core>, taking: watch::Receiver<()>) -> Self {
        Self { core, taking: Some(taking) }
    }

    /// The answer is here.
    pub(super) fn served(mut self) {
        self.taking = None;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(taking) = self.taking.take() {
            self.core.withdrawn.push(taking);
        }
    }
}

/// Where the answer goes, and what is dropped when the taking is over.
pub(super) struct Reply {
    pub(super) answer: oneshot::Sender<Handover>,
    pub(super) over: watch::Sender<()>,
}

/// Jobs on their way to a caller; handed back if they never get there.
pub(super) struct Handover {
    taken: Vec<Taken>,
    core: Arc<Core>,
    io: std::sync::Weak<Io>,
    over: Option<watch::Sender<()>>,
}

impl Handover {
    /// What was taken, for the caller.
    pub(super) fn accept(mut self) -> Vec<Taken> {
        std::mem::take(&mut self.taken)
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if self.taken.is_empty() {
            return;
        }
        let tokens: Vec<LeaseToken> = self.taken.iter().map(|taken| taken.token).collect();
        let (core, over) = (self.core.clone(), self.over.take());
        // Without the thread nothing is handed back; the leases end.
        if let Some(io) = self.io.upgrade() {
            io.spawn(async move {
                core.hold("release", &tokens).await;
                drop(over);
            });
        }
    }
}

/// What a caller asks for. Its name makes it safe to ask again when an answer did not come: the
/// store gives the same jobs once more, and not further ones.
pub(super) struct Ask {
    pub(super) core: Arc<Core>,
    pub(super) ring: Arc<Ring>,
    pub(super) io: std::sync::Weak<Io>,
    pub(super) name: String,
    pub(super) consumer: String,
    pub(super) max: usize,
}

impl Ask {
    /// Takes jobs as soon as there are any. When the caller is gone it ends early, unless the store
    /// may have given jobs to it: those are handed back first. Nobody waits for that while the
    /// store does not answer.
    pub(super) async fn take(self, Reply { mut answer, over }: Reply) {
        let mut over = Some(over);
        let mut rung = self.ring.rung();
        // Since when an answer is missing.
        let mut unsure: Option<Instant> = None;
        loop {
            // Noted before the look: what rings in between is not missed.
            rung.mark_unchanged();
            let wait = match self.send_for(unsure.is_some(), &mut answer, &mut over).await {
                Ok((_, taken)) if !taken.is_empty() => {
                    let (core, io) = (self.core, self.io);
                    let handover = Handover { taken, core, io, over };
                    // If the caller is gone, dropping it hands the jobs back.
                    drop(answer.send(handover));
                    return;
                }
                Ok((next, _)) => {
                    unsure = None;
                    let look = match self.ring.is_heard() {
                        true => LOOK_INTERVAL,
                        false => LOOK_INTERVAL_DEAF,
                    };
                    // A lease that began since may end after its own length.
                    next.unwrap_or(look).min(look).min(self.core.options.lease)
                }
                Err(error) => {
                    if !error.is_refused {
                        unsure.get_or_insert_with(Instant::now);
                    }
                    FAILURE_WAIT
                }
            };
            // What was given then is taken back by the store after that time.
            let lease = self.core.options.lease;
            let is_owed = unsure.is_some_and(|since| since.elapsed() < lease);
            // Where something is owed, the last try failed.
            let left = async {
                match is_owed {
                    true => gone(&mut answer, &mut over, Duration::ZERO).await,
                    false => answer.closed().await,
                }
            };
            tokio::select! {
                biased;
                () = left => if !is_owed { return },
                () = until(&mut rung, wait) => {}
            }
        }
    }

    /// As [`send`](Self::send), for a caller that may go.
    async fn send_for(
        &self,
        again: bool,
        answer: &mut oneshot::Sender<Handover>,
        over: &mut Option<watch::Sender<()>>,
    ) -> Result<(Option<Duration>, Vec<Taken>), CallError> {
        let mut sending = pin!(self.send(again));
        tokio::select! {
            biased;
            sent = &mut sending => return sent,
            () = gone(answer, over, ANSWERS_WITHIN) => {}
        }
        sending.await
    }

    /// What there is, and when to look again because of the time alone.
    async fn send(&self, again: bool) -> Result<(Option<Duration>, Vec<Taken>), CallError> {
        let arguments = [
            Bytes::from(self.consumer.clone()),
            self.max.to_string().into(),
            self.name.clone().into(),
            Bytes::from_static(if again { b"1" } else { b"0" }),
        ];
        let until = Instant::now() + CALL_TIMEOUT;
        read_taken(self.core.call(&script::LEASE, &arguments, until).await?)
    }
}

/// When the caller has been gone for so long: nobody waits for the end of its taking from then on.
/// Never after that.
async fn gone(
    answer: &mut oneshot::Sender<Handover>,
    over: &mut Option<watch::Sender<()>>,
    since: Duration,
) {
    if over.is_none() {
        return std::future::pending().await;
    }
    answer.closed().await;
    sleep(since).await;
    *over = None;
}

async fn until(rung: &mut watch::Receiver<u64>, wait: Duration) {
    tokio::select! {
        biased;
        // The bell is there as long as the queue.
        _ = rung.changed() => {}
        () = sleep(wait) => {}
    }
}

fn read_taken(value: Value) -> Result<(Option<Duration>, Vec<Taken>), CallError> {
    let mut answer = Answer::new(value)?;
    // One more, so that it is past when asked again.
    let next = u64::try_from(answer.next_int()?).ok().map(|ms| Duration::from_millis(ms + 1));
    let mut taken = Vec::with_capacity(answer.len() / 2);
    while !answer.is_empty() {
        let blob = answer.next_bytes()?;
        let about = answer.next_bytes()?;
        let (attempt, attempts, enqueued_unix_ms) = read_about(&about).ok_or_else(strange)?;
        let id = job_id(blob.get(..16).unwrap_or_default())?;
        let token = LeaseToken { id, attempt };
        taken.push(Taken { token, attempts, enqueued_unix_ms, blob });
    }
    Ok((next, taken))
}

/// Number of the run, runs that count, and time of enqueueing; a place in the stream is that of a
/// job that never ran, and begins with the time.
fn read_about(about: &[u8]) -> Option<(u32, u32, u64)> {
    let about = std::str::from_utf8(about).ok()?;
    if let Some((enqueued, _)) = about.split_once('-') {
        return Some((1, 1, enqueued.parse().ok()?));
    }
    let mut fields = about.split(' ');
    let (attempt, attempts) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((attempt, attempts, fields.next()?.parse().ok()?))
}

impl Core {
    /// Renews or releases leases.
    pub(super) async fn hold(
        &self,
        what: &'static str,
        tokens: &[LeaseToken],
    ) -> Vec<Result<(), FinishError>> {
        let mut results = Vec::with_capacity(tokens.len());
        for tokens in tokens.chunks(super::batch::BATCH_ITEMS_MAX) {
            match self.hold_some(what, tokens).await {
                Ok(held) => results.extend(held.into_iter().map(|is_held| match is_held {
                    true => Ok(()),
                    false => Err(FinishError::LeaseLost),
                })),
                Err(error) => results
                    .extend(tokens.iter().map(|_| Err(super::finish::unavailable(error.clone())))),
            }
        }
        results
    }

    async fn hold_some(
        &self,
        what: &'static str,
        tokens: &[LeaseToken],
    ) -> Result<Vec<bool>, CallError> {
        let mut arguments = vec![Bytes::from_static(what.as_bytes())];
        arguments.extend(tokens.iter().map(|token| Bytes::from(token_bytes(*token))));
        let until = Instant::now() + CALL_TIMEOUT;
        let mut answer = Answer::new(self.call(&script::HOLD, &arguments, until).await?)?;
        tokens.iter().map(|_| Ok(answer.next_int()? == 1)).collect()
    }
}
