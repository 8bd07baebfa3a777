//! How runs end, and what is kept of it.

use std::time::Duration;

use meshwork_queue::limits::{ERROR_BYTES_MAX, HISTORY_ATTEMPTS_MAX};
use meshwork_queue::{
    AttemptError, FinishError, Finished, JobEnd, JobStatus, NewJob, QueueLimits, QueueOptions,
    Reply, Section,
};
use meshwork_shared::codec::Codec;

use super::{SHORT, Store, done, eventually, fail, job, options, retry};

pub(super) async fn a_failed_run_is_repeated_after_a_wait(store: &Store) {
    let bench = store.open(options());
    let id = bench.enqueue("1").await;
    let lease = bench.lease().await;
    let finished = bench.end(&lease, retry("busy")).await;
    let Finished::Retried { delay } = finished else { panic!("{finished:?}") };
    assert!(delay >= options().backoff.min && delay <= options().backoff.max, "{delay:?}");
    let again = bench.lease().await;
    assert_eq!((again.id, again.attempt, again.is_last), (id, 2, false));
    assert_eq!(bench.queue.depth().await.unwrap().retried, 1);
}

pub(super) async fn the_handler_may_say_how_long_to_wait(store: &Store) {
    let bench = store.open(options());
    let id = bench.enqueue("1").await;
    let lease = bench.lease().await;
    let busy = JobEnd::Retry { error: "busy".to_owned(), after: Some(SHORT) };
    assert_eq!(bench.end(&lease, busy).await, Finished::Retried { delay: SHORT });
    let scheduled = bench.status(id).await;
    assert!(matches!(scheduled, Some(JobStatus::Scheduled { attempts: 1, .. })), "{scheduled:?}");
    let other = bench.enqueue("2").await;
    assert_eq!(bench.lease().await.id, other, "a job that waits holds nobody up");
    let again = bench.lease().await;
    assert_eq!((again.id, again.attempt), (id, 2));
    let at_once = JobEnd::Retry { error: "again".to_owned(), after: Some(Duration::ZERO) };
    assert_eq!(bench.end(&again, at_once).await, Finished::Retried { delay: Duration::ZERO });
    assert_eq!(bench.lease().await.attempt, 3);
}

pub(super) async fn the_last_failure_makes_a_dead_letter(store: &Store) {
    let bench = store.open(options());
    let sent = job("1");
    let id = bench.store(sent.clone()).await;
    for attempt in 1..=3 {
        let lease = bench.lease().await;
        assert_eq!((lease.attempt, lease.is_last), (attempt, attempt == 3));
        let finished = bench.end(&lease, retry(&format!("error {attempt}"))).await;
        assert_eq!(finished == Finished::Dead, attempt == 3);
    }
    let letter = bench.other.dead_letter(id).await.unwrap().expect("it is dead");
    assert_eq!((letter.id, &letter.job), (id, &sent));
    let runs: Vec<_> =
        letter.history.iter().map(|run| (run.attempt, run.error.to_string())).collect();
    let expected = [(1, "error 1"), (2, "error 2"), (3, "error 3")];
    assert_eq!(runs, expected.map(|(number, error)| (number, error.to_owned())));
    let mut before = letter.enqueued_unix_ms;
    for run in &letter.history {
        assert!(before <= run.started_unix_ms && run.started_unix_ms <= run.ended_unix_ms);
        assert_eq!(run.consumer, "pod-2#7");
        before = run.ended_unix_ms;
    }
    assert!(letter.died_unix_ms >= before);
    assert!(bench.is_idle().await, "a dead letter does not run");
}

pub(super) async fn a_final_failure_is_not_repeated(store: &Store) {
    let bench = store.open(options());
    let id = bench.enqueue("1").await;
    let lease = bench.lease().await;
    assert_eq!(bench.end(&lease, fail("bad arguments")).await, Finished::Dead);
    let letter = bench.queue.dead_letter(id).await.unwrap().expect("it is dead");
    let expected = AttemptError::Failed { message: "bad arguments".to_owned() };
    assert_eq!(letter.history.last().map(|run| &run.error), Some(&expected));
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.dead, depth.retried), (0, 1, 0));
}

pub(super) async fn a_job_has_attempts_and_run_timeout_of_its_own(store: &Store) {
    let bench = store.open(options());
    let run_timeout = Some(Duration::from_secs(7));
    bench.store(NewJob { attempts: Some(1), run_timeout, ..job("1") }).await;
    let lease = bench.lease().await;
    assert!(lease.is_last);
    assert_eq!(lease.run_timeout, Duration::from_secs(7));
    assert_eq!(bench.end(&lease, retry("no")).await, Finished::Dead);

    bench.store(NewJob { attempts: Some(4), ..job("2") }).await;
    for attempt in 1..=4 {
        let lease = bench.lease().await;
        assert_eq!((lease.attempt, lease.is_last), (attempt, attempt == 4));
        bench.end(&lease, retry("no")).await;
    }
    assert_eq!(bench.queue.depth().await.unwrap().dead, 2);
}

pub(super) async fn a_run_ends_once(store: &Store) {
    let bench = store.open(options());
    bench.enqueue("1").await;
    let lease = bench.lease().await;
    assert_eq!(bench.end(&lease, done()).await, Finished::Done);
    for end in [done(), retry("no"), fail("no")] {
        let again = bench.other.finish(lease.token(), end).await;
        assert_eq!(again, Err(FinishError::LeaseLost));
    }
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.dead, depth.done), (0, 0, 1));
}

pub(super) async fn two_who_end_a_run_together_end_it_once(store: &Store) {
    let bench = store.open(options());
    bench.enqueue("1").await;
    bench.enqueue("2").await;
    let token = bench.lease().await.token();
    let ends = tokio::join!(bench.queue.finish(token, done()), bench.queue.finish(token, done()));
    let expected = [Ok(Finished::Done), Err(FinishError::LeaseLost)];
    let ends = [ends.0, ends.1];
    assert!(ends.iter().all(|end| expected.contains(end)) && ends[0] != ends[1], "{ends:?}");
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.ready, depth.done), (1, 1, 1));
}

pub(super) async fn a_done_job_is_not_run_again(store: &Store) {
    let bench = store.open(options());
    let sent = job("1");
    let id = bench.store(sent.clone()).await;
    let lease = bench.lease().await;
    let reply = Reply { codec: Codec::Raw, body: vec![0, 255, 10, 13].into() };
    bench.end(&lease, JobEnd::Done { reply: Some(reply.clone()) }).await;
    for queue in [&bench.queue, &bench.other] {
        let again = queue.enqueue(vec![sent.clone()]).await.remove(0).unwrap();
        assert_eq!((again.id, again.is_duplicate), (id, true));
    }
    assert!(bench.is_idle().await);
    assert_eq!(bench.status(id).await, Some(JobStatus::Done { reply: Some(reply) }));
}

pub(super) async fn the_end_of_a_job_is_forgotten_in_time(store: &Store) {
    let bench = store.open(QueueOptions { done_kept: SHORT, ..options() });
    let sent = job("1");
    let id = bench.store(sent.clone()).await;
    let lease = bench.lease().await;
    bench.end(&lease, done()).await;
    assert_eq!(bench.status(id).await, Some(JobStatus::Done { reply: None }));
    eventually("it is forgotten", async || bench.queue.status(id).await == Ok(None)).await;
    assert_eq!(bench.store(sent).await, id, "its id may be used again");
}

pub(super) async fn long_errors_are_cut(store: &Store) {
    let bench = store.open(QueueOptions { attempts: 100, ..options() });
    let id = bench.enqueue("1").await;
    let long = "é".repeat(10_000);
    for _ in 0..HISTORY_ATTEMPTS_MAX + 2 {
        let lease = bench.lease().await;
        bench.end(&lease, retry(&long)).await;
    }
    let lease = bench.lease().await;
    bench.end(&lease, fail(&format!("x{long}"))).await;
    let letter = bench.queue.dead_letter(id).await.unwrap().expect("it is dead");
    let numbers: Vec<u32> = letter.history.iter().map(|run| run.attempt).collect();
    let last = HISTORY_ATTEMPTS_MAX as u32 + 3;
    let newest: Vec<u32> = (last + 1 - HISTORY_ATTEMPTS_MAX as u32..=last).collect();
    assert_eq!(numbers, newest, "the newest are kept");
    for run in &letter.history {
        let AttemptError::Failed { message } = &run.error else { panic!("{run:?}") };
        let is_cut = message.len() <= ERROR_BYTES_MAX && message.len() > ERROR_BYTES_MAX - 4;
        assert!(is_cut, "{} bytes", message.len());
        assert!(long.starts_with(message.trim_start_matches('x')));
    }
}

pub(super) async fn old_dead_letters_give_way(store: &Store) {
    let limits = QueueLimits { dead_letters_max: 2, ..QueueLimits::default() };
    let bench = store.open(QueueOptions { limits, ..options() });
    let mut ids = Vec::new();
    for number in 0..3 {
        bench.enqueue(&number.to_string()).await;
        ids.push(bench.kill().await);
        // So that stores that order them by the time of their death know which is older.
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let dead = bench.queue.peek(Section::Dead, None, 10).await.unwrap();
    assert_eq!(dead.iter().map(|dead| dead.id).collect::<Vec<_>>(), ids[1..]);
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.dead, depth.dead_dropped), (2, 1));
    assert_eq!(bench.queue.dead_letter(ids[0]).await, Ok(None));
    assert_eq!(bench.status(ids[0]).await, None);
}

pub(super) async fn the_ends_of_many_jobs_are_forgotten_in_time(store: &Store) {
    const JOBS: usize = 700;
    let bench = store.open(QueueOptions { done_kept: SHORT, ..options() });
    let jobs: Vec<NewJob> = (0..JOBS).map(|number| job(&number.to_string())).collect();
    assert!(bench.queue.enqueue(jobs.clone()).await.iter().all(Result::is_ok));
    let mut ended = 0;
    while ended < JOBS {
        let leases = bench.queue.lease("pod-2#7", JOBS).await;
        let ends = leases.iter().map(|lease| bench.end(lease, done()));
        ended += futures_util::future::join_all(ends).await.len();
    }

    tokio::time::sleep(SHORT + Duration::from_millis(50)).await;
    // Nothing happened to the queue since: all of them are still to be forgotten.
    assert_eq!(bench.queue.status(jobs[JOBS - 2].id).await, Ok(None));
    let last = jobs[JOBS - 1].clone();
    assert_eq!(bench.store(last.clone()).await, last.id, "its id may be used again");
    assert_eq!(bench.lease().await.id, last.id);
}
