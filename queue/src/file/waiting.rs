//! Those who wait in the writer: for jobs, or for the end of one. Each transaction serves them that
//! it has something for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use meshwork_shared::ids::JobId;
use rusqlite::{Error as SqlError, Result as SqlResult};
use tokio::sync::oneshot;

use super::batch::{Batch, Opened};
use super::limits::UNREADABLE_LOOK_MS;
use super::order::{HandBack, WaitingEnd, WaitingLease};
use super::row::is_of_value;
use crate::job::Lease;
use crate::status::JobStatus;

/// Who waits, by queue.
#[derive(Default)]
pub(super) struct Waiting {
    queues: BTreeMap<String, WaitingQueue>,
}

struct WaitingQueue {
    queue: Arc<Opened>,
    leases: VecDeque<WaitingLease>,
    ends: BTreeMap<JobId, Vec<oneshot::Sender<Option<JobStatus>>>>,
    /// Jobs that somebody began to wait for.
    asked: BTreeSet<JobId>,
    /// Whether to look for jobs and for times.
    has_jobs_news: bool,
    /// Whether to look at every job that is waited for.
    has_ends_news: bool,
    /// When a job becomes ready or a lease ends, unix milliseconds.
    wake: Option<u64>,
    /// The news that was seen last.
    seen: (i64, i64),
    /// What the file says of the queue could not be read when it was looked at last.
    is_unreadable: bool,
}

/// What a transaction has for those who wait in one queue.
pub(super) struct Served {
    queue: String,
    /// For the first who wait for jobs, in their order.
    leases: Vec<Vec<Lease>>,
    ends: Vec<(JobId, Option<JobStatus>)>,
    wake: Option<u64>,
    is_unreadable: bool,
}

impl Waiting {
    /// Somebody waits for jobs from now on.
    pub(super) fn add_lease(&mut self, lease: WaitingLease) {
        let queue = self.queue(&lease.queue);
        queue.has_jobs_news = true;
        queue.leases.push_back(lease);
    }

    /// Somebody waits for the end of a job from now on.
    pub(super) fn add_end(&mut self, end: WaitingEnd) {
        let queue = self.queue(&end.queue);
        queue.asked.insert(end.job);
        queue.ends.entry(end.job).or_default().push(end.reply);
    }

    fn queue(&mut self, queue: &Arc<Opened>) -> &mut WaitingQueue {
        self.queues.entry(queue.text.clone()).or_insert_with(|| WaitingQueue {
            queue: queue.clone(),
            leases: VecDeque::new(),
            ends: BTreeMap::new(),
            asked: BTreeSet::new(),
            has_jobs_news: false,
            has_ends_news: false,
            wake: None,
            seen: (-1, -1),
            is_unreadable: false,
        })
    }

    /// Forgets those who are gone.
    pub(super) fn prune(&mut self) {
        self.queues.retain(|_, queue| {
            queue.leases.retain(|lease| !lease.reply.is_closed());
            queue.ends.retain(|_, replies| {
                replies.retain(|reply| !reply.is_closed());
                !replies.is_empty()
            });
            !queue.leases.is_empty() || !queue.ends.is_empty()
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// When there is something to do without an order, unix milliseconds.
    pub(super) fn wake(&self) -> Option<u64> {
        self.queues.values().filter_map(|queue| queue.wake).min()
    }

    /// Looks at the queues whose time has come.
    pub(super) fn come_due(&mut self, now: u64) {
        for queue in self.queues.values_mut() {
            queue.has_jobs_news |= queue.wake.is_some_and(|wake| wake <= now);
        }
    }

    /// Looks at every queue: its times may have changed.
    pub(super) fn look_at_times(&mut self) {
        self.queues.values_mut().for_each(|queue| queue.has_jobs_news = true);
    }

    /// Looks at every queue, and at every job that is waited for.
    pub(super) fn look_everywhere(&mut self) {
        for queue in self.queues.values_mut() {
            (queue.has_jobs_news, queue.has_ends_news) = (true, true);
        }
    }

    /// Looks at a queue if there is news of it that was not seen.
    pub(super) fn note_news(&mut self, queue: &str, news: (i64, i64)) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.has_jobs_news |= news.0 != queue.seen.0;
            queue.has_ends_news |= news.1 != queue.seen.1;
            queue.seen = news;
        }
    }

    /// Whether a transaction may have something for them.
    pub(super) fn wants_turn(&self) -> bool {
        self.queues.values().any(WaitingQueue::wants_turn)
    }

    /// Takes what there is for them, as part of a transaction.
    pub(super) fn serve(&self, batch: &mut Batch<'_>) -> SqlResult<Vec<Served>> {
        let mut served = Vec::new();
        for (name, waiting) in &self.queues {
            if waiting.wants_turn() || batch.news(name).is_some() {
                match waiting.serve(name, batch) {
                    // Nobody is served here; who waits in other queues is.
                    Err(error) if is_of_value(&error) => {
                        served.push(waiting.unreadable(name, &error, batch.now));
                    }
                    done => served.push(done?),
                }
            }
        }
        Ok(served)
    }

    /// Whether this process has consumers that wait for more than `served` has for them.
    pub(super) fn is_idle(&self, served: &[Served], queue: &str) -> bool {
        let taken = served.iter().find(|one| one.queue == queue).map_or(0, |one| one.leases.len());
        self.queues.get(queue).is_some_and(|waiting| waiting.leases.len() > taken)
    }

    /// Gives out what was taken, now that it is in the file. Answers what nobody came for.
    pub(super) fn deliver(
        &mut self,
        served: Vec<Served>,
        news: impl Fn(&str) -> Option<(i64, i64)>,
    ) -> Vec<HandBack> {
        let mut back = Vec::new();
        for one in served {
            let Some(waiting) = self.queues.get_mut(&one.queue) else { continue };
            waiting.has_jobs_news = false;
            waiting.has_ends_news = false;
            waiting.asked.clear();
            waiting.wake = one.wake;
            waiting.is_unreadable = one.is_unreadable;
            waiting.seen = news(&one.queue).unwrap_or(waiting.seen);
            for leases in one.leases {
                let Some(first) = waiting.leases.pop_front() else { break };
                if let Err(leases) = first.reply.send(leases) {
                    let tokens = leases.iter().map(Lease::token).collect();
                    back.push(HandBack { queue: first.queue, tokens });
                }
            }
            for (id, status) in one.ends {
                for reply in waiting.ends.remove(&id).unwrap_or_default() {
                    // Who waited may be gone: then nobody is left to be told.
                    let _ = reply.send(status.clone());
                }
            }
        }
        self.prune();
        back
    }
}

impl WaitingQueue {
    fn wants_turn(&self) -> bool {
        self.has_jobs_news || self.has_ends_news || !self.asked.is_empty()
    }

    fn serve(&self, name: &str, batch: &mut Batch<'_>) -> SqlResult<Served> {
        let mut leases = Vec::new();
        for waiting in &self.leases {
            let taken = batch.desk(&waiting.queue)?.lease(&waiting.consumer, waiting.max)?;
            if taken.is_empty() {
                break;
            }
            leases.push(taken);
        }
        let mut desk = batch.desk(&self.queue)?;
        let mut ends = Vec::new();
        let has_news = self.has_ends_news || desk.book.ends_news != self.seen.1;
        for id in self.to_look_at(&desk.events.over, has_news) {
            let status = desk.status(id)?;
            if status.as_ref().is_none_or(JobStatus::is_final) {
                ends.push((id, status));
            }
        }
        let wake = desk.next_wake()?;
        Ok(Served { queue: name.to_owned(), leases, ends, wake, is_unreadable: false })
    }

    /// What there is of a queue that cannot be read: another look, later. It is said once.
    fn unreadable(&self, name: &str, error: &SqlError, now: u64) -> Served {
        if !self.is_unreadable {
            log::error!("{name}: its counters are not readable: {error}");
        }
        let wake = Some(now.saturating_add(UNREADABLE_LOOK_MS));
        let (queue, leases, ends) = (name.to_owned(), Vec::new(), Vec::new());
        Served { queue, leases, ends, wake, is_unreadable: true }
    }

    /// The jobs that are waited for and may have ended: here, or elsewhere if there is news.
    fn to_look_at(&self, over: &[JobId], has_news: bool) -> BTreeSet<JobId> {
        if has_news {
            return self.ends.keys().copied().collect();
        }
        let over = over.iter().filter(|id| self.ends.contains_key(id));
        over.chain(&self.asked).copied().collect()
    }
}
