//! Who dies when, and what happens to the job: the rows of the crash matrix that several processes
//! can show.

use std::sync::Arc;

use meshwork_queue::{AttemptError, Canceled, FinishError, JobEnd, JobStatus, Queue, Section};

use super::{LOOK, SHORT, Store, job, job_id, soon};

/// Takes the only job, which is there or comes back, and says which run of it this is.
async fn attempt(queue: &Arc<dyn Queue>) -> u32 {
    let lease = soon(queue.lease("test#1", 1)).await.remove(0);
    let end = JobEnd::Done { reply: None };
    queue.finish(lease.token(), end).await.expect("it is held");
    lease.attempt
}

async fn is_idle(queue: &Arc<dyn Queue>) -> bool {
    tokio::time::timeout(LOOK, queue.lease("test#1", 1)).await.is_err()
}

pub(super) async fn a_caller_that_dies_after_the_answer_leaves_its_job(store: &Store) {
    let bench = store.open("after-answer");
    let queue = &bench.queue;
    let mut caller = bench.start("enqueue", 1);
    caller.says("stored").await;
    caller.kill().await;
    assert_eq!(attempt(queue).await, 1);
}

/// It does not know whether the job was stored. Whoever takes over its work asks again with the
/// same id, and there is one job either way.
pub(super) async fn a_caller_that_dies_before_the_answer_may_ask_again(store: &Store) {
    let bench = store.open("before-answer");
    let queue = &bench.queue;
    for number in 0..4 {
        // Killed somewhere between its start and its answer.
        let caller = bench.start("enqueue", number);
        tokio::time::sleep(LOOK / 10 * number).await;
        caller.kill().await;
        let again = queue.enqueue(vec![job(number)]).await.remove(0);
        assert_eq!(again.map(|again| again.id), Ok(job_id(number)));
        assert_eq!(attempt(queue).await, 1);
        assert!(is_idle(queue).await, "it was stored once");
    }
}

/// The lease is all that a worker has before it begins, and nothing tells the store whether it
/// began: the run counts.
pub(super) async fn a_worker_that_dies_before_the_handler_loses_its_lease(store: &Store) {
    let bench = store.open_short("before-handler");
    let queue = &bench.queue;
    bench.enqueue(1).await;
    let mut worker = bench.start("sleep", 1);
    worker.says("leased 1").await;
    worker.kill().await;
    assert_eq!(attempt(queue).await, 2);
}

pub(super) async fn a_worker_that_dies_in_the_handler_counts_as_an_attempt(store: &Store) {
    let bench = store.open_short("in-handler");
    let queue = &bench.queue;
    let id = bench.enqueue(1).await;
    let mut worker = bench.start("hold", 8);
    worker.says("leased 1").await;
    // Longer than a lease: it is renewed meanwhile.
    tokio::time::sleep(SHORT * 2).await;
    let status = queue.status(id).await;
    let is_its = matches!(&status, Ok(Some(JobStatus::Running { consumer, attempt: 1, .. }))
        if consumer == "pod-8#8");
    assert!(is_its, "{status:?}");
    assert_eq!(queue.cancel(id).await, Ok(Canceled::Running));
    worker.kill().await;
    let lease = soon(queue.lease("test#1", 1)).await.remove(0);
    assert_eq!(lease.attempt, 2);
    let summary = queue.peek(Section::Running, None, 1).await.expect("an answer").remove(0);
    let last = summary.last.expect("the first run failed");
    assert_eq!((last.attempt, last.consumer.as_str()), (1, "pod-8#8"));
    assert_eq!(last.error, AttemptError::LeaseExpired);
}

/// The work was done and nobody was told: it is done again. That is what at least once means.
pub(super) async fn a_worker_that_dies_before_the_acknowledgement_repeats_the_job(store: &Store) {
    let bench = store.open_short("before-ack");
    let queue = &bench.queue;
    bench.enqueue(1).await;
    let mut worker = bench.start("crash", 1);
    worker.says("leased 1").await;
    worker.rest().await;
    assert_eq!(attempt(queue).await, 2);
}

pub(super) async fn a_worker_that_dies_after_the_acknowledgement_repeats_nothing(store: &Store) {
    let bench = store.open_short("after-ack");
    let queue = &bench.queue;
    let id = bench.enqueue(1).await;
    let mut worker = bench.start("finish", 1);
    worker.says("leased 1").await;
    worker.says("finished").await;
    worker.kill().await;
    tokio::time::sleep(SHORT * 2).await;
    assert!(is_idle(queue).await);
    assert_eq!(queue.status(id).await, Ok(Some(JobStatus::Done { reply: None })));
    // Nor does the caller make it run again that asks once more.
    let again = queue.enqueue(vec![job(1)]).await.remove(0).expect("an answer");
    assert!(again.is_duplicate);
    assert!(is_idle(queue).await);
}

pub(super) async fn a_worker_that_sleeps_through_its_lease_changes_nothing(store: &Store) {
    let bench = store.open_short("asleep");
    let queue = &bench.queue;
    bench.enqueue(1).await;
    let mut worker = bench.start("sleep", 1);
    worker.says("leased 1").await;
    worker.signal("STOP");
    let lease = soon(queue.lease("test#1", 1)).await.remove(0);
    assert_eq!(lease.attempt, 2);
    worker.signal("CONT");
    worker.go_on();
    worker.says("refused").await;
    let finished = queue.finish(lease.token(), JobEnd::Done { reply: None }).await;
    assert!(!matches!(finished, Err(FinishError::Unavailable { .. })), "{finished:?}");
}

pub(super) async fn a_job_that_kills_its_processes_is_dead_at_last(store: &Store) {
    let bench = store.open_short("killer");
    let queue = &bench.queue;
    let id = bench.enqueue(1).await;
    for number in 1..=3 {
        let mut worker = bench.start("crash", number);
        worker.says(&format!("leased {number}")).await;
        worker.rest().await;
    }
    let end = soon(queue.wait(id)).await.expect("the store answers");
    assert!(matches!(end, Some(JobStatus::Dead { .. })), "{end:?}");
    let letter = queue.dead_letter(id).await.expect("the store answers").expect("it is there");
    let runs = letter.history.iter().map(|run| (run.attempt, run.consumer.as_str()));
    assert_eq!(Vec::from_iter(runs), [(1, "pod-1#1"), (2, "pod-2#2"), (3, "pod-3#3")]);
    assert!(letter.history.iter().all(|run| run.error == AttemptError::LeaseExpired));
    assert!(is_idle(queue).await);
}
