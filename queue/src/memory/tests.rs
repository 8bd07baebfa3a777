use std::time::Duration;

use meshwork_schema::BackoffRange;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use tokio::time::Instant;

use super::queue::{MemoryQueue, Now};
use crate::error::{EnqueueError, FinishError};
use crate::job::{AttemptError, DeadLetter, Finished, JobEnd, Lease, LeaseToken, NewJob};
use crate::limits::{ERROR_BYTES_MAX, HISTORY_ATTEMPTS_MAX, JOB_OVERHEAD_BYTES};
use crate::options::QueueOptions;
use crate::status::{QueueDepth, Section};

pub(super) const LEASE: Duration = Duration::from_secs(30);

pub(super) fn options(attempts: u32) -> QueueOptions {
    let backoff = BackoffRange { min: Duration::from_secs(1), max: Duration::from_secs(8) };
    // Nothing is remembered of what is done, so that bytes can be added up.
    let done_kept = Duration::ZERO;
    QueueOptions { attempts, backoff, lease: LEASE, done_kept, ..QueueOptions::default() }
}

fn job(id: u64, body: &[u8]) -> NewJob {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.to_le_bytes());
    let caller = "gateway".parse().unwrap();
    NewJob::new(JobId(bytes), caller, "pod-1".parse().unwrap(), Codec::Raw, body.to_vec())
}

/// A queue with a time that the test moves.
pub(super) struct Bench {
    pub(super) queue: MemoryQueue,
    pub(super) now: Now,
    next_id: u64,
}

impl Bench {
    pub(super) fn new(options: QueueOptions) -> Self {
        let now = Now { instant: Instant::now(), unix_ms: 1_000_000 };
        Self { queue: MemoryQueue::new(options, Random::seeded(7)), now, next_id: 1 }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.unix_ms += time.as_millis() as u64;
    }

    pub(super) fn try_enqueue(&mut self, body: &[u8]) -> Result<JobId, EnqueueError> {
        self.next_id += 1;
        self.queue.enqueue(job(self.next_id, body), self.now).map(|stored| stored.id)
    }

    pub(super) fn enqueue(&mut self, body: &[u8]) -> JobId {
        self.try_enqueue(body).unwrap()
    }

    pub(super) fn lease(&mut self) -> Option<Lease> {
        self.queue.lease("pod-2#1", 1, self.now).pop()
    }

    pub(super) fn done(&mut self, token: LeaseToken) -> Result<Finished, FinishError> {
        self.finish(token, JobEnd::Done { reply: None })
    }

    pub(super) fn depth(&mut self) -> QueueDepth {
        self.queue.depth(self.now)
    }

    pub(super) fn dead_letters(&mut self) -> Vec<DeadLetter> {
        let ids = self.queue.peek(Section::Dead, None, usize::MAX, self.now);
        ids.iter().filter_map(|dead| self.queue.dead_letter(dead.id, self.now)).collect()
    }

    pub(super) fn finish(
        &mut self,
        token: LeaseToken,
        end: JobEnd,
    ) -> Result<Finished, FinishError> {
        self.queue.finish(token, end, self.now)
    }

    pub(super) fn pass_to_wake(&mut self) {
        let wake = self.queue.next_wake().expect("something is waited for");
        self.pass(wake.saturating_duration_since(self.now.instant));
    }
}

pub(super) fn retry(error: &str) -> JobEnd {
    JobEnd::Retry { error: error.to_owned(), after: None }
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
    bench.pass(LEASE);
    assert_eq!(bench.done(lease.token()), Err(FinishError::LeaseLost));

    let letters = bench.dead_letters();
    assert_eq!((letters.len(), letters[0].id, letters[0].job.body.as_ref()), (1, id, &b"x"[..]));
    assert_eq!(letters[0].died_unix_ms, bench.now.unix_ms);
    let [first, second] = letters[0].history.as_slice() else { panic!("{letters:?}") };
    assert_eq!(first.error, AttemptError::Failed { message: "first".to_owned() });
    assert_eq!((first.attempt, first.started_unix_ms), (1, 1_000_000));
    assert_eq!(first.ended_unix_ms, 1_000_250);
    assert_eq!((second.attempt, &second.error), (2, &AttemptError::LeaseExpired));
    assert_eq!(bench.queue.next_wake(), None);
}

#[test]
fn a_final_failure_is_not_retried() {
    let mut bench = Bench::new(options(5));
    bench.enqueue(b"x");
    let lease = bench.lease().unwrap();
    let end = JobEnd::Fail { error: "bad arguments".to_owned() };
    assert_eq!(bench.finish(lease.token(), end), Ok(Finished::Dead));
    assert_eq!(bench.depth().dead, 1);
}

#[test]
fn only_the_present_run_can_be_finished() {
    let mut bench = Bench::new(options(5));
    bench.enqueue(b"x");
    let first = bench.lease().unwrap().token();
    bench.pass(LEASE);
    assert_eq!(bench.done(first), Err(FinishError::LeaseLost), "it waits again");
    bench.pass_to_wake();
    let second = bench.lease().unwrap().token();
    assert_eq!(bench.done(first), Err(FinishError::LeaseLost), "another runs it");
    assert_eq!(bench.done(second), Ok(Finished::Done));
    assert_eq!(bench.done(second), Err(FinishError::LeaseLost));
    assert_eq!((bench.depth().live(), bench.depth().bytes, bench.depth().done), (0, 0, 1));
}

#[test]
fn a_full_queue_refuses_and_keeps_what_it_has() {
    let mut by_jobs = options(1);
    by_jobs.limits.jobs_max = 2;
    let mut bench = Bench::new(by_jobs);
    bench.enqueue(b"1");
    bench.enqueue(b"2");
    let full = bench.try_enqueue(b"3");
    assert!(matches!(full, Err(EnqueueError::Full { jobs: 2, jobs_max: 2, .. })), "{full:?}");
    let lease = bench.lease().unwrap();
    assert!(bench.try_enqueue(b"3").is_err(), "a running job counts");
    bench.done(lease.token()).unwrap();
    bench.enqueue(b"3");

    let mut by_bytes = options(1);
    by_bytes.limits.bytes_max = 2 * (JOB_OVERHEAD_BYTES + 100);
    let mut bench = Bench::new(by_bytes);
    bench.enqueue(&[0; 100]);
    bench.enqueue(&[0; 100]);
    let full = bench.try_enqueue(b"");
    assert!(matches!(full, Err(EnqueueError::Full { .. })), "{full:?}");
    let large = bench.try_enqueue(&[0; 2000]);
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
    let kept: Vec<JobId> = bench.dead_letters().iter().map(|letter| letter.id).collect();
    assert_eq!(kept, ids[1..]);
    assert_eq!(bench.depth().dead_dropped, 1);

    for _ in 0..3 {
        bench.enqueue(&[0; 200]);
    }
    assert_eq!(bench.depth().dead, 0, "live jobs come before dead ones");
    assert_eq!(bench.depth().dead_dropped, 3);
    assert_eq!(bench.depth().bytes, 3 * (JOB_OVERHEAD_BYTES + 200));
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
    assert!(bench.depth().bytes <= most, "{:?}", bench.depth());
    let lease = bench.lease().unwrap();
    bench.finish(lease.token(), JobEnd::Fail { error: String::new() }).unwrap();
    let letter = bench.dead_letters().remove(0);
    assert_eq!(letter.history.len(), HISTORY_ATTEMPTS_MAX);
    assert_eq!(letter.history.last().unwrap().attempt as usize, HISTORY_ATTEMPTS_MAX + 4);
}

#[test]
fn durations_past_all_reason_do_not_overflow() {
    let backoff = BackoffRange { min: Duration::MAX, max: Duration::MAX };
    let forever =
        QueueOptions { backoff, lease: Duration::MAX, done_kept: Duration::MAX, ..options(2) };
    let mut bench = Bench::new(forever);
    bench.enqueue(b"x");
    let lease = bench.lease().unwrap();
    bench.finish(lease.token(), retry("no")).unwrap();
    assert_eq!(bench.lease(), None);
}

#[test]
fn arguments_stay_out_of_debug() {
    let shown = format!("{:?}", job(1, b"hunter2"));
    assert!(shown.contains("body_bytes: 7") && !shown.contains("hunter2"), "{shown}");
}
