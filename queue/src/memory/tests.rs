use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_schema::BackoffRange;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use proptest::prelude::*;
use tokio::time::Instant;

use super::queue::{MemoryQueue, Now};
use crate::error::{EnqueueError, FinishError};
use crate::job::{AttemptError, Finished, JobEnd, Lease, LeaseToken, NewJob};
use crate::limits::{ERROR_BYTES_MAX, HISTORY_ATTEMPTS_MAX, JOB_OVERHEAD_BYTES, QueueLimits};
use crate::options::QueueOptions;

const RUN_TIMEOUT: Duration = Duration::from_secs(30);

fn options(attempts: u32) -> QueueOptions {
    let backoff = BackoffRange { min: Duration::from_secs(1), max: Duration::from_secs(8) };
    QueueOptions { attempts, backoff, run_timeout: RUN_TIMEOUT, limits: QueueLimits::default() }
}

fn job(body: &[u8]) -> NewJob {
    let caller = "gateway".parse().unwrap();
    NewJob::new(caller, "pod-1".parse().unwrap(), Codec::Raw, body.to_vec())
}

/// A queue with a time that the test moves.
struct Bench {
    queue: MemoryQueue,
    now: Now,
}

impl Bench {
    fn new(options: QueueOptions) -> Self {
        let now = Now { instant: Instant::now(), unix_ms: 1_000_000 };
        Self { queue: MemoryQueue::new(options, Random::seeded(7)), now }
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.unix_ms += time.as_millis() as u64;
    }

    fn enqueue(&mut self, body: &[u8]) -> JobId {
        self.queue.enqueue(job(body), self.now).unwrap()
    }

    fn lease(&mut self) -> Option<Lease> {
        self.queue.lease(self.now)
    }

    fn finish(&mut self, token: LeaseToken, end: JobEnd) -> Result<Finished, FinishError> {
        self.queue.finish(token, end, self.now)
    }

    fn pass_to_wake(&mut self) {
        let wake = self.queue.next_wake().expect("something is waited for");
        self.pass(wake.saturating_duration_since(self.now.instant));
    }
}

fn retry(error: &str) -> JobEnd {
    JobEnd::Retry { error: error.to_owned() }
}

#[test]
fn a_retried_job_waits_and_keeps_its_place() {
    let mut bench = Bench::new(options(3));
    let first = bench.enqueue(b"1");
    let second = bench.enqueue(b"2");
    let lease = bench.lease().unwrap();
    assert_eq!((lease.id, lease.attempt, lease.is_last), (first, 1, false));
    let finished = bench.finish(lease.token(), retry("busy")).unwrap();
    let Finished::Retried { delay } = finished else { panic!("{finished:?}") };
    assert!(delay >= Duration::from_secs(1) && delay <= Duration::from_secs(2), "{delay:?}");
    let third = bench.enqueue(b"3");

    assert_eq!(bench.lease().unwrap().id, second, "a waiting job holds nobody up");
    bench.pass(delay - Duration::from_nanos(1));
    assert_eq!(bench.queue.next_wake().unwrap() - bench.now.instant, Duration::from_nanos(1));
    bench.pass_to_wake();
    let again = bench.lease().unwrap();
    assert_eq!((again.id, again.attempt), (first, 2), "its place is before those behind it");
    assert_eq!(bench.lease().unwrap().id, third);
}

#[test]
fn the_last_failure_makes_a_dead_letter_with_its_history() {
    let mut bench = Bench::new(options(2));
    let id = bench.enqueue(b"x");
    let lease = bench.lease().unwrap();
    bench.pass(Duration::from_millis(250));
    bench.finish(lease.token(), retry("first")).unwrap();
    bench.pass(Duration::from_secs(2));
    let lease = bench.lease().unwrap();
    assert!(lease.is_last);
    bench.pass(RUN_TIMEOUT);
    assert_eq!(bench.finish(lease.token(), JobEnd::Done), Err(FinishError::LeaseLost));

    let letters: Vec<_> = bench.queue.dead_letters().collect();
    assert_eq!((letters.len(), letters[0].id, &letters[0].job), (1, id, &job(b"x")));
    assert_eq!(letters[0].died_unix_ms, bench.now.unix_ms);
    let [first, second] = letters[0].history.as_slice() else { panic!("{letters:?}") };
    assert_eq!(first.error, AttemptError::Failed { message: "first".to_owned() });
    assert_eq!((first.attempt, first.started_unix_ms), (1, 1_000_000));
    assert_eq!(first.ended_unix_ms, 1_000_250);
    assert_eq!((second.attempt, &second.error), (2, &AttemptError::RunTimeout));
    assert_eq!(bench.queue.next_wake(), None);
}

#[test]
fn a_final_failure_is_not_retried() {
    let mut bench = Bench::new(options(5));
    bench.enqueue(b"x");
    let lease = bench.lease().unwrap();
    let end = JobEnd::Fail { error: "bad arguments".to_owned() };
    assert_eq!(bench.finish(lease.token(), end), Ok(Finished::Dead));
    assert_eq!(bench.queue.depth().dead, 1);
}

#[test]
fn only_the_present_run_can_be_finished() {
    let mut bench = Bench::new(options(5));
    bench.enqueue(b"x");
    let first = bench.lease().unwrap().token();
    bench.pass(RUN_TIMEOUT);
    assert_eq!(bench.finish(first, JobEnd::Done), Err(FinishError::LeaseLost), "it waits again");
    bench.pass_to_wake();
    let second = bench.lease().unwrap().token();
    assert_eq!(bench.finish(first, JobEnd::Done), Err(FinishError::LeaseLost), "another runs it");
    assert_eq!(bench.finish(second, JobEnd::Done), Ok(Finished::Done));
    assert_eq!(bench.finish(second, JobEnd::Done), Err(FinishError::LeaseLost));
    assert_eq!(bench.queue.depth(), Default::default());
}

#[test]
fn a_full_queue_refuses_and_keeps_what_it_has() {
    let mut by_jobs = options(1);
    by_jobs.limits.jobs_max = 2;
    let mut bench = Bench::new(by_jobs);
    bench.enqueue(b"1");
    bench.enqueue(b"2");
    let full = bench.queue.enqueue(job(b"3"), bench.now);
    assert!(matches!(full, Err(EnqueueError::Full { jobs: 2, jobs_max: 2, .. })), "{full:?}");
    let lease = bench.lease().unwrap();
    assert!(bench.queue.enqueue(job(b"3"), bench.now).is_err(), "a running job counts");
    bench.finish(lease.token(), JobEnd::Done).unwrap();
    bench.enqueue(b"3");

    let mut by_bytes = options(1);
    by_bytes.limits.bytes_max = 2 * (JOB_OVERHEAD_BYTES + 100);
    let mut bench = Bench::new(by_bytes);
    bench.enqueue(&[0; 100]);
    bench.enqueue(&[0; 100]);
    let full = bench.queue.enqueue(job(b""), bench.now);
    assert!(matches!(full, Err(EnqueueError::Full { .. })), "{full:?}");
    let large = bench.queue.enqueue(job(&[0; 2000]), bench.now);
    assert!(matches!(large, Err(EnqueueError::TooLarge { bytes: 2512, .. })), "{large:?}");
}

#[test]
fn dead_letters_give_way_oldest_first() {
    let mut few = options(1);
    few.limits.dead_letters_max = 2;
    few.limits.bytes_max = 3 * (JOB_OVERHEAD_BYTES + 200);
    let mut bench = Bench::new(few);
    let ids: Vec<JobId> = (0..3)
        .map(|_| {
            let id = bench.enqueue(&[0; 100]);
            let lease = bench.lease().unwrap();
            bench.finish(lease.token(), retry("no")).unwrap();
            id
        })
        .collect();
    let kept: Vec<JobId> = bench.queue.dead_letters().map(|letter| letter.id).collect();
    assert_eq!(kept, ids[1..]);
    assert_eq!(bench.queue.depth().dead_dropped, 1);

    for _ in 0..3 {
        bench.enqueue(&[0; 200]);
    }
    assert_eq!(bench.queue.depth().dead, 0, "live jobs come before dead ones");
    assert_eq!(bench.queue.depth().dead_dropped, 3);
    assert_eq!(bench.queue.depth().bytes, 3 * (JOB_OVERHEAD_BYTES + 200));
}

#[test]
fn a_history_is_bounded() {
    let mut bench = Bench::new(options(1000));
    bench.enqueue(b"x");
    for _ in 0..HISTORY_ATTEMPTS_MAX + 3 {
        let lease = bench.lease().unwrap();
        bench.finish(lease.token(), retry(&"é".repeat(10_000))).unwrap();
        bench.pass_to_wake();
    }
    let most = JOB_OVERHEAD_BYTES + 1 + HISTORY_ATTEMPTS_MAX * (ERROR_BYTES_MAX + 128);
    assert!(bench.queue.depth().bytes <= most, "{:?}", bench.queue.depth());
    let lease = bench.lease().unwrap();
    bench.finish(lease.token(), JobEnd::Fail { error: String::new() }).unwrap();
    let letter = bench.queue.dead_letters().next().unwrap();
    assert_eq!(letter.history.len(), HISTORY_ATTEMPTS_MAX);
    assert_eq!(letter.history.last().unwrap().attempt as usize, HISTORY_ATTEMPTS_MAX + 4);
}

#[test]
fn durations_past_all_reason_do_not_overflow() {
    let backoff = BackoffRange { min: Duration::MAX, max: Duration::MAX };
    let forever = QueueOptions { backoff, run_timeout: Duration::MAX, ..options(2) };
    let mut bench = Bench::new(forever);
    bench.enqueue(b"x");
    let lease = bench.lease().unwrap();
    bench.finish(lease.token(), retry("no")).unwrap();
    assert_eq!(bench.lease(), None);
}

#[test]
fn arguments_stay_out_of_debug() {
    let shown = format!("{:?}", job(b"hunter2"));
    assert!(shown.contains("body_bytes: 7") && !shown.contains("hunter2"), "{shown}");
}

/// What can be done to a queue; numbers choose among the leases that the test remembers.
#[derive(Clone, Debug)]
enum Operation {
    Enqueue,
    Lease,
    Done(usize),
    Retry(usize),
    Fail(usize),
    Pass(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => Just(Operation::Enqueue),
        4 => Just(Operation::Lease),
        2 => any::<usize>().prop_map(Operation::Done),
        2 => any::<usize>().prop_map(Operation::Retry),
        1 => any::<usize>().prop_map(Operation::Fail),
        2 => (0u64..40_000).prop_map(Operation::Pass),
    ]
}

/// What a consumer and a caller know, kept apart from the queue.
struct Model {
    bench: Bench,
    accepted: BTreeSet<JobId>,
    done: BTreeSet<JobId>,
    /// Every lease ever given, with its end; stale ones are tried too.
    leases: Vec<(LeaseToken, Instant)>,
    running: BTreeMap<JobId, (LeaseToken, Instant)>,
}

impl Model {
    fn new() -> Self {
        let mut options = options(3);
        options.limits.jobs_max = 20;
        let (accepted, done) = (BTreeSet::new(), BTreeSet::new());
        let running = BTreeMap::new();
        Self { bench: Bench::new(options), accepted, done, leases: Vec::new(), running }
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Enqueue => {
                let full = self.bench.queue.depth().live() == 20;
                match self.bench.queue.enqueue(job(b"x"), self.bench.now) {
                    Ok(id) => assert!(self.accepted.insert(id), "ids are unique"),
                    Err(error) => assert!(full, "{error}"),
                }
            }
            Operation::Lease => {
                self.lease();
            }
            Operation::Done(which) => self.finish(*which, &JobEnd::Done),
            Operation::Retry(which) => self.finish(*which, &retry("again")),
            Operation::Fail(which) => {
                self.finish(*which, &JobEnd::Fail { error: "never".to_owned() });
            }
            Operation::Pass(ms) => self.bench.pass(Duration::from_millis(*ms)),
        }
        self.nothing_is_lost();
    }

    fn lease(&mut self) -> bool {
        let Some(lease) = self.bench.lease() else { return false };
        let now = self.bench.now.instant;
        assert!(self.accepted.contains(&lease.id) && !self.done.contains(&lease.id));
        let entry = (lease.token(), now + RUN_TIMEOUT);
        if let Some((_, expires)) = self.running.insert(lease.id, entry) {
            assert!(expires <= now, "a second lease while the first is held");
        }
        self.leases.push(entry);
        true
    }

    fn finish(&mut self, which: usize, end: &JobEnd) {
        if self.leases.is_empty() {
            return;
        }
        let (token, expires) = self.leases[which % self.leases.len()];
        let is_held = self.running.get(&token.id) == Some(&(token, expires))
            && expires > self.bench.now.instant;
        let finished = self.bench.finish(token, end.clone());
        assert_eq!(finished.is_ok(), is_held, "{finished:?}");
        if is_held {
            self.running.remove(&token.id);
            if *end == JobEnd::Done {
                self.done.insert(token.id);
            }
        }
    }

    fn nothing_is_lost(&mut self) {
        self.bench.queue.advance(self.bench.now);
        let depth = self.bench.queue.depth();
        assert_eq!(depth.live() + depth.dead + self.done.len(), self.accepted.len(), "{depth:?}");
    }

    /// Runs everything to its end; then each accepted job is done or dead.
    fn drain(mut self) {
        while self.bench.queue.depth().live() > 0 {
            while self.lease() {
                self.finish(self.leases.len() - 1, &JobEnd::Done);
            }
            if let Some(wake) = self.bench.queue.next_wake() {
                self.bench.pass(wake.saturating_duration_since(self.bench.now.instant));
            }
            self.nothing_is_lost();
        }
        let dead: BTreeSet<JobId> =
            self.bench.queue.dead_letters().map(|letter| letter.id).collect();
        assert!(dead.is_disjoint(&self.done));
        assert_eq!(dead.union(&self.done).copied().collect::<BTreeSet<_>>(), self.accepted);
        if dead.is_empty() {
            assert_eq!(self.bench.queue.depth().bytes, 0);
        }
    }
}

proptest! {
    #[test]
    fn nothing_stored_is_lost_and_nothing_is_leased_twice(
        operations in prop::collection::vec(operation(), 0..200),
    ) {
        let mut model = Model::new();
        operations.iter().for_each(|operation| model.apply(operation));
        model.drain();
    }

    #[test]
    fn without_retries_jobs_start_in_order(
        steps in prop::collection::vec((0usize..4, 0usize..4, any::<usize>()), 0..60),
    ) {
        let mut bench = Bench::new(options(3));
        let (mut stored, mut started, mut open) = (Vec::new(), Vec::new(), Vec::new());
        for (enqueues, leases, which) in steps {
            stored.extend((0..enqueues).map(|_| bench.enqueue(b"x")));
            for lease in (0..leases).filter_map(|_| bench.lease()).collect::<Vec<_>>() {
                started.push(lease.id);
                open.push(lease.token());
            }
            if !open.is_empty() {
                let token = open.swap_remove(which % open.len());
                bench.finish(token, JobEnd::Done).unwrap();
            }
        }
        while let Some(lease) = bench.lease() {
            started.push(lease.id);
        }
        prop_assert_eq!(started, stored);
    }
}
