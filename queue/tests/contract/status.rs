//! What is told of a job, and waiting for its end.

use std::time::Duration;

use meshwork_queue::{Canceled, JobStatus, NewJob, Reply, Section, Start};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;

use super::{Bench, SHORT, Store, done, fail, job, new_id, options, retry, short_leases};

pub(super) async fn the_status_follows_the_job(store: &Store) {
    let bench = store.open(options());
    let start = Start::After(SHORT);
    let id = bench.store(NewJob { start, ..job("1") }).await;
    let status = bench.status(id).await;
    assert!(matches!(status, Some(JobStatus::Scheduled { attempts: 0, .. })), "{status:?}");
    let lease = bench.lease().await;
    let status = bench.status(id).await;
    let Some(JobStatus::Running { consumer, attempt, since_unix_ms }) = status else {
        panic!("{status:?}")
    };
    assert_eq!((consumer.as_str(), attempt), ("pod-2#7", 1));
    assert!(since_unix_ms >= lease.enqueued_unix_ms);
    let after = Some(Duration::from_secs(60));
    bench.end(&lease, meshwork_queue::JobEnd::Retry { error: "busy".to_owned(), after }).await;
    let status = bench.status(id).await;
    assert!(
        matches!(status, Some(JobStatus::Scheduled { attempts: 1, due_unix_ms })
            if due_unix_ms >= since_unix_ms + 60_000),
        "{status:?}"
    );

    let id = bench.enqueue("2").await;
    assert_eq!(bench.status(id).await, Some(JobStatus::Waiting));
    let lease = bench.lease().await;
    bench.end(&lease, done()).await;
    assert_eq!(bench.status(id).await, Some(JobStatus::Done { reply: None }));

    let id = bench.enqueue("3").await;
    assert_eq!(bench.queue.cancel(id).await, Ok(Canceled::Yes));
    assert_eq!(bench.status(id).await, Some(JobStatus::Canceled));
}

pub(super) async fn a_dead_job_says_its_last_error(store: &Store) {
    let bench = store.open(options());
    let id = bench.enqueue("1").await;
    let lease = bench.lease().await;
    bench.end(&lease, retry("first")).await;
    let lease = bench.lease().await;
    bench.end(&lease, fail("second")).await;
    let dead = JobStatus::Dead { error: "second".to_owned() };
    assert_eq!(bench.status(id).await, Some(dead));
}

/// Waits for a job by both clients, does something meanwhile, and answers with what both heard.
async fn wait_while(bench: &Bench, id: JobId, doing: impl Future) -> Option<JobStatus> {
    let waits = [bench.queue.clone(), bench.other.clone()].map(|queue| {
        tokio::spawn(async move { tokio::time::timeout(super::PATIENCE, queue.wait(id)).await })
    });
    tokio::time::sleep(Duration::from_millis(30)).await;
    doing.await;
    let mut heard = Vec::new();
    for wait in waits {
        heard.push(wait.await.unwrap().expect("the end is told").unwrap());
    }
    assert_eq!(heard[0], heard[1]);
    heard.remove(0)
}

pub(super) async fn who_waits_for_a_job_hears_of_its_end(store: &Store) {
    let bench = store.open(options());
    let reply = Reply { codec: Codec::Json, body: b"42".to_vec().into() };
    let id = bench.enqueue("answered").await;
    let end = meshwork_queue::JobEnd::Done { reply: Some(reply.clone()) };
    let lease = bench.lease().await;
    let heard = wait_while(&bench, id, bench.end(&lease, end)).await;
    let expected = Some(JobStatus::Done { reply: Some(reply) });
    assert_eq!(heard, expected);
    assert_eq!(bench.queue.wait(id).await, Ok(expected), "also when it is over already");

    let id = bench.enqueue("retried, then dead").await;
    let heard = wait_while(&bench, id, async {
        let lease = bench.lease().await;
        bench.end(&lease, retry("busy")).await;
        bench.kill().await;
    })
    .await;
    assert_eq!(heard, Some(JobStatus::Dead { error: "for good".to_owned() }));

    let id = bench.enqueue("canceled").await;
    let heard = wait_while(&bench, id, bench.queue.cancel(id)).await;
    assert_eq!(heard, Some(JobStatus::Canceled));

    let id = bench.enqueue("deleted").await;
    let heard = wait_while(&bench, id, bench.queue.purge(Section::Ready, 10)).await;
    assert_eq!(heard, None);
}

pub(super) async fn who_waits_for_a_lost_job_hears_of_its_death(store: &Store) {
    let bench = store.open(short_leases());
    let id = bench.store(NewJob { attempts: Some(1), ..job("bomb") }).await;
    bench.lease().await;
    let heard = wait_while(&bench, id, async {}).await;
    assert!(matches!(heard, Some(JobStatus::Dead { .. })), "nobody else looks: {heard:?}");
}

pub(super) async fn nothing_is_known_of_a_job_that_was_never_stored(store: &Store) {
    let bench = store.open(options());
    let id = new_id();
    assert_eq!(bench.status(id).await, None);
    assert_eq!(bench.queue.wait(id).await, Ok(None));
    assert_eq!(bench.queue.dead_letter(id).await, Ok(None));
    assert_eq!(bench.queue.cancel(id).await, Ok(Canceled::Over));
    assert_eq!(bench.queue.retry_dead(Some(id), 10).await, Ok(0));
}
