//! What is ready together is sent together.
//!
//! Callers put items into a bounded inbox; one task takes whatever is there, up to a bound, sends
//! it as one call and answers each. While a call is on its way the next batch gathers, so that
//! batches grow with the load and nobody waits when there is none.
//!
//! A caller that gives up early has to know whether its items were sent. Both ends decide that by a
//! [`Gate`]: who is first to close it is right.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, timeout_at};

use super::callers::{Caller, Late, caller, tell_all};
use super::gate::Gate;
use super::store::{CALL_TIMEOUT, CallError};

#[cfg(test)]
mod tests;

/// Items of one call, at most. A Lua script takes 8000 values at once.
pub(super) const BATCH_ITEMS_MAX: usize = 512;

/// Bytes of one call, at most, unless one item alone is larger.
pub(super) const BATCH_BYTES_MAX: usize = 1 << 20;

/// Callers whose items wait for their call, at most; more wait for their place.
const INBOX: usize = 1024;

/// Sends a batch.
pub(super) trait Send1: Send + Sync + 'static {
    /// What is sent.
    type Item: Send + 'static;
    /// What came of it.
    type Answer: Send + 'static;

    /// Bytes that an item takes.
    fn bytes(item: &Self::Item) -> usize;

    /// The answer when it was certainly not sent.
    fn not_sent() -> Self::Answer;

    /// The answer when it was sent, and none came in the caller's time.
    fn late() -> Self::Answer;

    /// The answer when the store was not reached.
    fn failed(error: CallError) -> Self::Answer;

    /// Waits until the store is reached, at most until then.
    fn reach(&self, until: Instant) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Sends them, and answers for each in their order, at `until` at the latest.
    fn send(
        &self,
        items: Vec<Self::Item>,
        until: Instant,
    ) -> impl Future<Output = Vec<Self::Answer>> + Send;
}

/// What a caller asks for, or is answered.
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn many(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// How many a caller asks for.
#[derive(Clone, Copy)]
enum Count {
    One,
    Many(usize),
}

impl Count {
    fn number(self) -> usize {
        match self {
            Self::One => 1,
            Self::Many(count) => count,
        }
    }

    /// So many of these, if there are.
    fn take<T>(self, from: &mut impl Iterator<Item = T>) -> Option<OneOrMany<T>> {
        match self {
            Self::One => from.next().map(OneOrMany::One),
            Self::Many(count) => Some(OneOrMany::Many(from.take(count).collect())),
        }
    }
}

struct Entry<S: Send1> {
    items: OneOrMany<S::Item>,
    until: Instant,
    /// Of a caller that has less time than the call.
    gate: Option<Gate>,
    caller: Caller<OneOrMany<S::Answer>>,
}

/// Where callers put their items. The task ends when the last of these is dropped.
pub(super) struct Inbox<S: Send1>(mpsc::Sender<Entry<S>>);

impl<S: Send1> Clone for Inbox<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Send1> Inbox<S> {
    /// An inbox and the task that empties it.
    pub(super) fn new(sender: Arc<S>) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (inbox, entries) = mpsc::channel(INBOX);
        (Self(inbox), run(sender, entries))
    }

    /// Sends items that fit in one call; waits for what came of them, twice [`CALL_TIMEOUT`] at
    /// most. Dropped before they are sent, they are not sent.
    pub(super) async fn send(&self, items: Vec<S::Item>) -> Vec<S::Answer> {
        let count = items.len();
        let answers = self.put(OneOrMany::Many(items), None).await;
        answers.map_or_else(|| repeat(count, S::not_sent), OneOrMany::many)
    }

    /// The same for a caller that waits until `end` at most: what is not sent by then never is.
    pub(super) async fn send_until(&self, items: Vec<S::Item>, end: Instant) -> Vec<S::Answer> {
        let count = items.len();
        let answers = self.put_until(OneOrMany::Many(items), end).await;
        answers.map_or_else(|why_not| repeat(count, why_not), OneOrMany::many)
    }

    /// The same of one.
    pub(super) async fn send_one(&self, item: S::Item) -> S::Answer {
        only(self.put(OneOrMany::One(item), None).await.ok_or(S::not_sent))
    }

    /// The same of one.
    pub(super) async fn send_one_until(&self, item: S::Item, end: Instant) -> S::Answer {
        only(self.put_until(OneOrMany::One(item), end).await)
    }

    /// What came of it, or what to say where nothing did.
    async fn put_until(
        &self,
        items: OneOrMany<S::Item>,
        end: Instant,
    ) -> Result<OneOrMany<S::Answer>, fn() -> S::Answer> {
        let gate = Gate::new();
        match timeout_at(end, self.put(items, Some(gate.clone()))).await {
            Ok(answers) => answers.ok_or(S::not_sent),
            Err(_) if gate.give_up() => Err(S::not_sent),
            Err(_) => Err(S::late),
        }
    }

    async fn put(
        &self,
        items: OneOrMany<S::Item>,
        gate: Option<Gate>,
    ) -> Option<OneOrMany<S::Answer>> {
        // That of the call, also for a caller that has less time: others may be in its batch.
        let until = Instant::now() + CALL_TIMEOUT;
        let (caller, answer) = caller();
        match self.0.try_send(Entry { items, until, gate, caller }) {
            Ok(()) => {}
            Err(TrySendError::Full(entry)) => {
                timeout_at(until, self.0.send(entry)).await.ok()?.ok()?
            }
            Err(TrySendError::Closed(_)) => return None,
        }
        answer.wait().await
    }
}

fn only<A>(answers: Result<OneOrMany<A>, fn() -> A>) -> A {
    match answers {
        Ok(OneOrMany::One(answer)) => answer,
        // One is asked, and one answers.
        Ok(OneOrMany::Many(mut answers)) => answers.remove(0),
        Err(why_not) => why_not(),
    }
}

fn repeat<A>(count: usize, answer: fn() -> A) -> Vec<A> {
    (0..count).map(|_| answer()).collect()
}

/// Cuts items into parts that fit in one call each.
pub(super) fn cut<S: Send1>(items: Vec<S::Item>) -> Vec<Vec<S::Item>> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let more = S::bytes(&item);
        let is_full = part.len() >= BATCH_ITEMS_MAX || bytes + more > BATCH_BYTES_MAX;
        if is_full && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += more;
        part.push(item);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

async fn run<S: Send1>(sender: Arc<S>, mut inbox: mpsc::Receiver<Entry<S>>) {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(entry) => entry,
            None => match inbox.recv().await {
                Some(entry) => entry,
                None => return,
            },
        };
        // Whoever is about to put something in may do so first.
        tokio::task::yield_now().await;
        let now = Instant::now();
        let mut batch = Batch::default();
        batch.add(first, now);
        while next.is_none()
            && let Ok(entry) = inbox.try_recv()
        {
            match batch.has_room(entry.items.as_slice()) {
                true => batch.add(entry, now),
                false => next = Some(entry),
            }
        }
        if let Some(late) = batch.send(&*sender).await {
            tokio::spawn(late.tell_in_time());
        }
    }
}

struct Batch<S: Send1> {
    items: Vec<S::Item>,
    bytes: usize,
    /// When the first of its callers has waited long enough.
    until: Option<Instant>,
    callers: Vec<Awaiting<S>>,
}

/// A caller that waits for so many answers.
struct Awaiting<S: Send1> {
    count: Count,
    gate: Option<Gate>,
    caller: Caller<OneOrMany<S::Answer>>,
}

impl<S: Send1> Default for Batch<S> {
    fn default() -> Self {
        Self { items: Vec::new(), bytes: 0, until: None, callers: Vec::new() }
    }
}

impl<S: Send1> Batch<S> {
    fn has_room(&self, items: &[S::Item]) -> bool {
        let more: usize = items.iter().map(S::bytes).sum();
        self.items.len() + items.len() <= BATCH_ITEMS_MAX && self.bytes + more <= BATCH_BYTES_MAX
    }

    fn add(&mut self, Entry { items, until, gate, caller }: Entry<S>, now: Instant) {
        if caller.is_gone() {
            return;
        }
        if until <= now {
            return caller.tell(match items {
                OneOrMany::One(_) => OneOrMany::One(S::not_sent()),
                OneOrMany::Many(items) => OneOrMany::Many(repeat(items.len(), S::not_sent)),
            });
        }
        self.bytes += items.as_slice().iter().map(S::bytes).sum::<usize>();
        self.until = Some(self.until.map_or(until, |first| first.min(until)));
        let count = match items {
            OneOrMany::One(item) => {
                self.items.push(item);
                Count::One
            }
            OneOrMany::Many(items) => {
                let count = items.len();
                self.items.extend(items);
                Count::Many(count)
            }
        };
        self.callers.push(Awaiting { count, gate, caller });
    }

    /// Sends it and answers its callers.
    async fn send(mut self, sender: &S) -> Option<Late<OneOrMany<S::Answer>>> {
        let until = self.until?;
        let results: Vec<S::Answer> = match sender.reach(until).await {
            Ok(()) => {
                self.leave_out_who_gave_up();
                if self.items.is_empty() {
                    return None;
                }
                sender.send(self.items, until).await
            }
            Err(error) => self.items.iter().map(|_| S::failed(error.clone())).collect(),
        };
        let mut results = results.into_iter();
        let answers = self
            .callers
            .into_iter()
            .filter_map(|Awaiting { count, caller, .. }| Some((caller, count.take(&mut results)?)));
        tell_all(answers)
    }

    /// Takes away what nobody waits for any more; the others cannot give up from here on.
    fn leave_out_who_gave_up(&mut self) {
        let may_send = |waiting: &Awaiting<S>| {
            !waiting.caller.is_gone() && waiting.gate.as_ref().is_none_or(Gate::send)
        };
        let kept: Vec<bool> = self.callers.iter().map(may_send).collect();
        if kept.iter().all(|is_kept| *is_kept) {
            return;
        }
        let mut items = std::mem::take(&mut self.items).into_iter();
        for (waiting, is_kept) in std::mem::take(&mut self.callers).into_iter().zip(kept) {
            let own = items.by_ref().take(waiting.count.number());
            if is_kept {
                self.items.extend(own);
                self.callers.push(waiting);
            } else {
                own.for_each(drop);
            }
        }
    }
}
