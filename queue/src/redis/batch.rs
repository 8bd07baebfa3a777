//! What is ready together is sent together.
//!
//! Callers put items into a bounded inbox; one task takes whatever is there, up to a bound, sends
//! it as one call and answers each. While a call is on its way the next batch gathers, so that
//! batches grow with the load and nobody waits when there is none.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::store::CALL_TIMEOUT;

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

    /// Sends them, and answers for each in their order, at `until` at the latest.
    fn send(
        &self,
        items: Vec<Self::Item>,
        until: Instant,
    ) -> impl Future<Output = Vec<Self::Answer>> + Send;
}

struct Entry<S: Send1> {
    items: Vec<S::Item>,
    until: Instant,
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
        let count = items.len();
        let not_sent = || (0..count).map(|_| S::not_sent()).collect();
        let until = Instant::now() + CALL_TIMEOUT;
        let (answer, answered) = oneshot::channel();
        match timeout_at(until, self.0.send(Entry { items, until, answer })).await {
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
    answers: Vec<(usize, oneshot::Sender<Vec<S::Answer>>)>,
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
        self.answers.push((entry.items.len(), entry.answer));
        self.items.extend(entry.items);
    }

    async fn send(self, sender: &S) {
        let Some(until) = self.until else { return };
        let mut results = sender.send(self.items, until).await.into_iter();
        for (count, answer) in self.answers {
            // The caller is gone if this is refused, which is all the same.
            let _ = answer.send(results.by_ref().take(count).collect());
        }
    }
}
