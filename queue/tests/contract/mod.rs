//! The contract of a queue as functions over the seam: every backend runs all of them, on its own
//! clock. `open` gives a fresh, empty queue with these options.
//!
//! Times are real where the backend's are: the waits asked for are short, and only the order of
//! what happens is checked, never how long it took.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use meshwork_queue::{
    AttemptError, EnqueueError, FinishError, Finished, JobEnd, Lease, NewJob, QueueBackend,
    QueueLimits, QueueOptions,
};
use meshwork_schema::BackoffRange;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;

/// Runs the whole suite.
pub(crate) async fn run<Q: QueueBackend, F: Future<Output = Q>>(open: impl Fn(QueueOptions) -> F) {
    stored_jobs_start_in_order(open(options()).await).await;
    a_job_arrives_as_it_was_sent(open(options()).await).await;
    a_job_is_leased_to_one(open(options()).await).await;
    who_waits_is_woken(open(options()).await).await;
    a_dropped_lease_takes_nothing(open(options()).await).await;
    a_failed_run_is_repeated_after_a_wait(open(options()).await).await;
    a_lost_consumer_loses_no_job(open(short_runs()).await).await;
    who_waits_gets_what_a_lost_consumer_held(open(short_runs()).await).await;
    the_last_failure_makes_a_dead_letter(open(options()).await).await;
    a_final_failure_is_not_repeated(open(options()).await).await;
    a_full_queue_refuses(open(small()).await).await;
}

fn options() -> QueueOptions {
    QueueOptions {
        attempts: 3,
        backoff: BackoffRange { min: Duration::from_millis(20), max: Duration::from_millis(40) },
        run_timeout: Duration::from_secs(60),
        limits: QueueLimits::default(),
    }
}

fn short_runs() -> QueueOptions {
    QueueOptions { run_timeout: Duration::from_millis(50), ..options() }
}

fn small() -> QueueOptions {
    let limits = QueueLimits { jobs_max: 2, bytes_max: 100_000, ..QueueLimits::default() };
    QueueOptions { limits, ..options() }
}

fn job(body: &str) -> NewJob {
    let caller = "gateway".parse().expect("a valid name");
    let variant = "pod-1".parse().expect("a valid variant");
    NewJob::new(caller, variant, Codec::Json, body.to_owned())
}

async fn enqueue(queue: &impl QueueBackend, body: &str) -> JobId {
    queue.enqueue(job(body)).await.expect("there is room")
}

async fn end(queue: &impl QueueBackend, lease: &Lease, end: JobEnd) -> Finished {
    queue.finish(lease.token(), end).await.expect("the lease is held")
}

fn retry(error: &str) -> JobEnd {
    JobEnd::Retry { error: error.to_owned() }
}

/// Whether there is nothing to lease just now.
async fn is_idle(queue: &impl QueueBackend) -> bool {
    tokio::time::timeout(Duration::from_millis(5), queue.lease()).await.is_err()
}

async fn stored_jobs_start_in_order(queue: impl QueueBackend) {
    let mut stored = Vec::new();
    for number in 0..20 {
        stored.push(enqueue(&queue, &number.to_string()).await);
    }
    assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), 20, "ids are unique");
    for (number, id) in stored.iter().enumerate() {
        let lease = queue.lease().await;
        assert_eq!((lease.id, &lease.job), (*id, &job(&number.to_string())));
        if number % 2 == 0 {
            assert_eq!(end(&queue, &lease, JobEnd::Done).await, Finished::Done);
        }
    }
    assert_eq!(queue.depth().await.leased, 10);
}

async fn a_job_arrives_as_it_was_sent(queue: impl QueueBackend) {
    let body: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let sent = NewJob { codec: Codec::Raw, body: body.into(), ..job("") };
    let id = queue.enqueue(sent.clone()).await.expect("there is room");
    let lease = queue.lease().await;
    assert_eq!((lease.id, lease.attempt, lease.is_last), (id, 1, false));
    assert_eq!(lease.run_timeout, options().run_timeout);
    assert_eq!(lease.job, sent);
}

async fn a_job_is_leased_to_one(queue: impl QueueBackend) {
    enqueue(&queue, "1").await;
    let lease = queue.lease().await;
    assert!(is_idle(&queue).await, "the only job is taken");
    assert_eq!(end(&queue, &lease, JobEnd::Done).await, Finished::Done);
    let again = queue.finish(lease.token(), JobEnd::Done).await;
    assert_eq!(again, Err(FinishError::LeaseLost));
    assert_eq!(queue.depth().await.live(), 0);
}

async fn who_waits_is_woken(queue: impl QueueBackend) {
    let (first, second, ids) = tokio::join!(queue.lease(), queue.lease(), async {
        tokio::task::yield_now().await;
        [enqueue(&queue, "1").await, enqueue(&queue, "2").await]
    });
    assert_eq!(BTreeSet::from([first.id, second.id]), BTreeSet::from(ids));
}

async fn a_dropped_lease_takes_nothing(queue: impl QueueBackend) {
    assert!(is_idle(&queue).await);
    let id = enqueue(&queue, "1").await;
    let lease = queue.lease().await;
    assert_eq!((lease.id, lease.attempt), (id, 1));
}

async fn a_failed_run_is_repeated_after_a_wait(queue: impl QueueBackend) {
    let id = enqueue(&queue, "1").await;
    let lease = queue.lease().await;
    let finished = end(&queue, &lease, retry("busy")).await;
    let Finished::Retried { delay } = finished else { panic!("{finished:?}") };
    assert!(delay >= options().backoff.min && delay <= options().backoff.max, "{delay:?}");
    assert_eq!(queue.depth().await.delayed, 1);
    let other = enqueue(&queue, "2").await;
    assert_eq!(queue.lease().await.id, other, "a job that waits holds nobody up");
    let again = queue.lease().await;
    assert_eq!((again.id, again.attempt), (id, 2));
}

async fn a_lost_consumer_loses_no_job(queue: impl QueueBackend) {
    let id = enqueue(&queue, "1").await;
    let lost = queue.lease().await;
    let again = queue.lease().await;
    assert_eq!((again.id, again.attempt), (id, 2));
    let late = queue.finish(lost.token(), JobEnd::Done).await;
    assert_eq!(late, Err(FinishError::LeaseLost), "a run that is over cannot end the next one");
    assert_eq!(end(&queue, &again, JobEnd::Done).await, Finished::Done);
}

async fn who_waits_gets_what_a_lost_consumer_held(queue: impl QueueBackend) {
    let waiting = queue.lease();
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(5), &mut waiting).await.is_err());
    // Another consumer comes, takes a job and is gone.
    let id = enqueue(&queue, "1").await;
    let lost = queue.lease().await;
    assert_eq!((lost.id, lost.attempt), (id, 1));
    assert_eq!(waiting.await.id, id);
}

async fn the_last_failure_makes_a_dead_letter(queue: impl QueueBackend) {
    let id = enqueue(&queue, "1").await;
    for attempt in 1..=3 {
        let lease = queue.lease().await;
        assert_eq!((lease.attempt, lease.is_last), (attempt, attempt == 3));
        let finished = end(&queue, &lease, retry(&format!("error {attempt}"))).await;
        assert_eq!(finished == Finished::Dead, attempt == 3);
    }
    let letters = queue.dead_letters(10).await;
    assert_eq!((letters.len(), letters[0].id, &letters[0].job), (1, id, &job("1")));
    let errors = letters[0].history.iter().map(|attempt| attempt.error.to_string());
    assert_eq!(errors.collect::<Vec<_>>(), ["error 1", "error 2", "error 3"]);
    assert!(letters[0].history.is_sorted_by_key(|attempt| attempt.attempt));
    assert!(is_idle(&queue).await, "a dead letter does not run");
    assert!(queue.dead_letters(0).await.is_empty());
}

async fn a_final_failure_is_not_repeated(queue: impl QueueBackend) {
    enqueue(&queue, "1").await;
    let lease = queue.lease().await;
    let fail = JobEnd::Fail { error: "bad arguments".to_owned() };
    assert_eq!(end(&queue, &lease, fail).await, Finished::Dead);
    let letters = queue.dead_letters(10).await;
    let expected = AttemptError::Failed { message: "bad arguments".to_owned() };
    assert_eq!(letters[0].history.last().map(|attempt| &attempt.error), Some(&expected));
    assert_eq!((queue.depth().await.live(), queue.depth().await.dead), (0, 1));
}

async fn a_full_queue_refuses(queue: impl QueueBackend) {
    let first = enqueue(&queue, "1").await;
    enqueue(&queue, "2").await;
    let full = queue.enqueue(job("3")).await;
    assert!(matches!(full, Err(EnqueueError::Full { .. })), "{full:?}");
    let large = queue.enqueue(job(&"x".repeat(200_000))).await;
    assert!(matches!(large, Err(EnqueueError::TooLarge { .. })), "{large:?}");
    let lease = queue.lease().await;
    assert_eq!(lease.id, first, "what was stored before is still there");
    end(&queue, &lease, JobEnd::Done).await;
    enqueue(&queue, "3").await;
}
