//! Being woken: one connection on which the store says that there is something to do.
//!
//! A queue has a channel. Scripts ring there when a job became ready and somebody waits, and tell
//! the ids of jobs that ended while somebody waits for one. A message may be lost with its
//! connection, so that whoever waits looks by itself now and then, and always when the bell is
//! connected again. One connection serves all queues of a process, in a cluster too: a cluster
//! passes messages on to all its servers. It listens to the queues that somebody has open.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use meshwork_shared::backoff::Backoff;
use meshwork_shared::ids::JobId;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Msg, RedisResult};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::store::Store;

/// How often the connection is tried when nothing is heard on it.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// How long the store may take to answer on it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits before it is connected again, from and to.
const RECONNECT_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The bells of all queues of a process.
#[derive(Default)]
pub(super) struct Bell {
    rings: Arc<Rings>,
}

/// Those that somebody holds.
#[derive(Default)]
struct Rings {
    /// By their channels.
    held: Mutex<BTreeMap<String, Weak<Ring>>>,
    /// Told when a channel is new, or nobody holds it any more.
    changed: Notify,
}

/// The bell of one queue.
pub(super) struct Ring {
    channel: String,
    rings: Weak<Rings>,
    /// Counts how often it rang.
    count: watch::Sender<u64>,
    is_heard: AtomicBool,
    /// Those who wait for the end of a job. Bounded by the calls of this process that wait.
    waiting: Mutex<BTreeMap<JobId, Awaited>>,
}

/// A job whose end somebody waits for.
#[derive(Default)]
struct Awaited {
    told: Arc<Notify>,
    /// How many wait. With the last one this goes.
    waiters: usize,
}

impl Ring {
    fn new(channel: &str, rings: &Arc<Rings>) -> Self {
        Self {
            channel: channel.to_owned(),
            rings: Arc::downgrade(rings),
            count: watch::Sender::new(0),
            is_heard: AtomicBool::new(false),
            waiting: Mutex::new(BTreeMap::new()),
        }
    }

    /// Changes when there may be something to lease.
    pub(super) fn rung(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// Whether the bell would be heard now.
    pub(super) fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }

    /// Told when the job ended, or when it is time to look, until it is dropped.
    pub(super) fn ended(self: &Arc<Self>, job: JobId) -> Ended {
        let mut waiting = lock(&self.waiting);
        let awaited = waiting.entry(job).or_default();
        awaited.waiters += 1;
        Ended { ring: self.clone(), job, told: awaited.told.clone() }
    }

    /// The jobs whose end somebody waits for.
    #[cfg(test)]
    pub(super) fn awaited(&self) -> usize {
        lock(&self.waiting).len()
    }

    fn ring(&self) {
        self.count.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn set_heard(&self, is_heard: bool) {
        self.is_heard.store(is_heard, Ordering::Relaxed);
        if is_heard {
            self.ring();
            lock(&self.waiting).values().for_each(|awaited| awaited.told.notify_waiters());
        }
    }

    fn tell(&self, message: &[u8]) {
        match message.split_first() {
            Some((b'e', ids)) => {
                let waiting = lock(&self.waiting);
                for id in ids.chunks_exact(16) {
                    let id = <[u8; 16]>::try_from(id).ok().map(JobId);
                    if let Some(awaited) = id.and_then(|id| waiting.get(&id)) {
                        awaited.told.notify_waiters();
                    }
                }
            }
            _ => self.ring(),
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let Some(rings) = self.rings.upgrade() else { return };
        let mut held = lock(&rings.held);
        // There may be another one of this channel already.
        if held.get(&self.channel).is_some_and(|ring| ring.strong_count() == 0) {
            held.remove(&self.channel);
            drop(held);
            rings.changed.notify_one();
        }
    }
}

/// Somebody who waits for the end of a job.
pub(super) struct Ended {
    ring: Arc<Ring>,
    job: JobId,
    told: Arc<Notify>,
}

impl Ended {
    /// Completes when something is told after this call.
    pub(super) fn notified(&self) -> Notified<'_> {
        self.told.notified()
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let mut waiting = lock(&self.ring.waiting);
        let Entry::Occupied(mut awaited) = waiting.entry(self.job) else { return };
        awaited.get_mut().waiters -= 1;
        if awaited.get().waiters == 0 {
            awaited.remove();
        }
    }
}

impl Bell {
    /// The bell of a channel; it is listened to for as long as somebody holds this.
    pub(super) fn ring(&self, channel: &str) -> Arc<Ring> {
        let mut held = lock(&self.rings.held);
        if let Some(ring) = held.get(channel).and_then(Weak::upgrade) {
            return ring;
        }
        let ring = Arc::new(Ring::new(channel, &self.rings));
        held.insert(channel.to_owned(), Arc::downgrade(&ring));
        self.rings.changed.notify_one();
        ring
    }

    /// How many channels it listens to.
    #[cfg(test)]
    pub(super) fn channels(&self) -> usize {
        lock(&self.rings.held).len()
    }

    /// Listens until it is dropped.
    pub(super) async fn listen(self: Arc<Self>, store: Arc<Store>) {
        let mut backoff = Backoff::new(RECONNECT_WAIT.0, RECONNECT_WAIT.1);
        loop {
            while lock(&self.rings.held).is_empty() {
                self.rings.changed.notified().await;
            }
            match store.connector.subscriber().await {
                Ok(connection) => {
                    backoff.reset();
                    let (sink, stream) = connection.split();
                    // Whatever ended it, it is connected anew.
                    let _ = self.hear(&store, sink, stream).await;
                    self.all().values().for_each(|ring| ring.set_heard(false));
                }
                Err(error) => log::debug!("the bell of the queues is not connected: {error}"),
            }
            sleep(backoff.next(&store.random)).await;
        }
    }

    async fn hear(
        &self,
        store: &Store,
        mut sink: PubSubSink,
        mut stream: PubSubStream,
    ) -> RedisResult<()> {
        let mut made = store.made();
        let mut ping = interval(PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = BTreeSet::new();
        self.follow(&mut sink, &mut heard).await?;
        loop {
            tokio::select! {
                biased;
                message = stream.next() => match message {
                    Some(message) => self.tell(&message),
                    None => return Ok(()),
                },
                () = self.rings.changed.notified() => self.follow(&mut sink, &mut heard).await?,
                _ = ping.tick() => in_time(sink.ping::<redis::Value>()).await.map(drop)?,
                // Commands go over a new connection: the server may be another.
                Ok(()) = made.changed() => in_time(sink.ping::<redis::Value>()).await.map(drop)?,
            }
        }
    }

    /// Listens to the channels that are new, and no more to those that nobody holds.
    async fn follow(&self, sink: &mut PubSubSink, heard: &mut BTreeSet<String>) -> RedisResult<()> {
        let rings = self.all();
        for channel in heard.extract_if(.., |channel| !rings.contains_key(channel)) {
            in_time(sink.unsubscribe(&channel)).await?;
        }
        for (channel, ring) in rings {
            if !heard.contains(&channel) {
                in_time(sink.subscribe(&channel)).await?;
                heard.insert(channel);
            }
            if !ring.is_heard() {
                ring.set_heard(true);
            }
        }
        Ok(())
    }

    fn tell(&self, message: &Msg) {
        let ring = lock(&self.rings.held).get(message.get_channel_name()).and_then(Weak::upgrade);
        if let Some(ring) = ring {
            ring.tell(message.get_payload_bytes());
        }
    }

    fn all(&self) -> BTreeMap<String, Arc<Ring>> {
        let held = lock(&self.rings.held);
        held.iter().filter_map(|(name, ring)| Some((name.clone(), ring.upgrade()?))).collect()
    }
}

async fn in_time<T>(answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => answer,
        Err(_) => {
            let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time");
            Err(late.into())
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half changed by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
