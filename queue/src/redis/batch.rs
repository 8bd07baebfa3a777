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
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::store::{CALL_TIMEOUT, CallError};

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

/// Not decided yet.
const OPEN: u8 = 0;
/// The items are sent, or about to be.
const SENT: u8 = 1;
/// The caller is gone: they never are.
const GIVEN_UP: u8 = 2;

/// Whether the items of a caller are sent.
#[derive(Clone)]
struct Gate(Arc<AtomicU8>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new(AtomicU8::new(OPEN)))
    }

    /// Whether they may be sent: the caller has not given up, and cannot any more.
    fn send(&self) -> bool {
        self.0.compare_exchange(OPEN, SENT, Ordering::AcqRel, Ordering::Acquire) != Err(GIVEN_UP)
    }

    /// Whether they were not sent, and never are.
    fn give_up(&self) -> bool {
        self.0.compare_exchange(OPEN, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire) != Err(SENT)
    }
}

struct Entry<S: Send1> {
    items: Vec<S::Item>,
    until: Instant,
    /// Of a caller that has less time than the call.
    gate: Option<Gate>,
    answer: oneshot::Sender<Vec<S::Answer>>,
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
        self.put(items, None).await
    }

    /// The same for a caller that waits until `end` at most: what is not sent by then never is.
    pub(super) async fn send_until(&self, items: Vec<S::Item>, end: Instant) -> Vec<S::Answer> {
        let count = items.len();
        let gate = Gate::new();
        match timeout_at(end, self.put(items, Some(gate.clone()))).await {
            Ok(answers) => answers,
            Err(_) if gate.give_up() => (0..count).map(|_| S::not_sent()).collect(),
            Err(_) => (0..count).map(|_| S::late()).collect(),
        }
    }

    async fn put(&self, items: Vec<S::Item>, gate: Option<Gate>) -> Vec<S::Answer> {
        let count = items.len();
        let not_sent = || (0..count).map(|_| S::not_sent()).collect();
        // That of the call, also for a caller that has less time: others may be in its batch.
        let until = Instant::now() + CALL_TIMEOUT;
        let (answer, answered) = oneshot::channel();
        let entry = Entry { items, until, gate, answer };
        match timeout_at(until, self.0.send(entry)).await {
            Ok(Ok(())) => answered.await.unwrap_or_else(|_| not_sent()),
            _ => not_sent(),
        }
    }
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
        let mut batch = Batch::default();
        batch.add(first);
        while next.is_none()
            && let Ok(entry) = inbox.try_recv()
        {
            match batch.has_room(&entry) {
                true => batch.add(entry),
                false => next = Some(entry),
            }
        }
        batch.send(&*sender).await;
    }
}

struct Batch<S: Send1> {
    items: Vec<S::Item>,
    bytes: usize,
    /// When the first of its callers has waited long enough.
    until: Option<Instant>,
    answers: Vec<Awaited<S>>,
}

/// A caller that waits for so many answers.
struct Awaited<S: Send1> {
    count: usize,
    gate: Option<Gate>,
    answer: oneshot::Sender<Vec<S::Answer>>,
}

impl<S: Send1> Default for Batch<S> {
    fn default() -> Self {
        Self { items: Vec::new(), bytes: 0, until: None, answers: Vec::new() }
    }
}

impl<S: Send1> Batch<S> {
    fn has_room(&self, entry: &Entry<S>) -> bool {
        let more: usize = entry.items.iter().map(S::bytes).sum();
        self.items.len() + entry.items.len() <= BATCH_ITEMS_MAX
            && self.bytes + more <= BATCH_BYTES_MAX
    }

    fn add(&mut self, entry: Entry<S>) {
        if entry.answer.is_closed() {
            return;
        }
        if entry.until <= Instant::now() {
            // The caller is gone if this is refused, which is all the same.
            let _ = entry.answer.send(entry.items.iter().map(|_| S::not_sent()).collect());
            return;
        }
        self.bytes += entry.items.iter().map(S::bytes).sum::<usize>();
        self.until = Some(self.until.map_or(entry.until, |until| until.min(entry.until)));
        let Entry { items, gate, answer, .. } = entry;
        self.answers.push(Awaited { count: items.len(), gate, answer });
        self.items.extend(items);
    }

    async fn send(mut self, sender: &S) {
        let Some(until) = self.until else { return };
        let results: Vec<S::Answer> = match sender.reach(until).await {
            Ok(()) => {
                self.leave_out_who_gave_up();
                sender.send(self.items, until).await
            }
            Err(error) => self.items.iter().map(|_| S::failed(error.clone())).collect(),
        };
        let mut results = results.into_iter();
        for Awaited { count, answer, .. } in self.answers {
            // The caller is gone if this is refused, which is all the same.
            let _ = answer.send(results.by_ref().take(count).collect());
        }
    }

    /// Takes away what nobody waits for any more; the others cannot give up from here on.
    fn leave_out_who_gave_up(&mut self) {
        let may_send = |awaited: &Awaited<S>| awaited.gate.as_ref().is_none_or(Gate::send);
        let kept: Vec<bool> = self.answers.iter().map(may_send).collect();
        if kept.iter().all(|is_kept| *is_kept) {
            return;
        }
        let mut items = std::mem::take(&mut self.items).into_iter();
        for (awaited, is_kept) in std::mem::take(&mut self.answers).into_iter().zip(kept) {
            let own = items.by_ref().take(awaited.count);
            if is_kept {
                self.items.extend(own);
                self.answers.push(awaited);
            } else {
                own.for_each(drop);
            }
        }
    }
}
