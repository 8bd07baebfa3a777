//! What people do to a queue beside running it.

use std::time::Duration;

use meshwork_queue::{AttemptError, Canceled, JobStatus, NewJob, QueueOptions, Section, Start};

use super::{Store, done, job, lease, options, retry};

pub(super) async fn a_job_is_canceled_unless_it_runs(store: &Store) {
    let bench = store.open(options());
    let id = bench.enqueue("ready").await;
    assert_eq!(bench.other.cancel(id).await, Ok(Canceled::Yes));
    assert_eq!(bench.other.cancel(id).await, Ok(Canceled::Over), "once is enough");
    let start = Start::After(Duration::from_millis(100));
    let id = bench.store(NewJob { start, ..job("scheduled") }).await;
    assert_eq!(bench.queue.cancel(id).await, Ok(Canceled::Yes));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(bench.is_idle().await);

    let id = bench.enqueue("running").await;
    let lease = bench.lease().await;
    assert_eq!(bench.queue.cancel(id).await, Ok(Canceled::Running));
    let after = Some(Duration::from_secs(60));
    bench.end(&lease, meshwork_queue::JobEnd::Retry { error: "busy".to_owned(), after }).await;
    assert_eq!(bench.queue.cancel(id).await, Ok(Canceled::Yes), "it waits for its next attempt");

    let id = bench.enqueue("done").await;
    let lease = bench.lease().await;
    bench.end(&lease, done()).await;
    assert_eq!(bench.queue.cancel(id).await, Ok(Canceled::Over));
    bench.enqueue("dead").await;
    let id = bench.kill().await;
    assert_eq!(bench.queue.cancel(id).await, Ok(Canceled::Over));
    assert_eq!(bench.queue.depth().await.unwrap().live(), 0);
}

pub(super) async fn a_paused_queue_leases_nothing(store: &Store) {
    let bench = store.open(options());
    bench.enqueue("1").await;
    let running = bench.lease().await;
    bench.other.set_paused(true).await.unwrap();
    assert!(bench.queue.depth().await.unwrap().is_paused);
    let id = bench.enqueue("2").await;
    assert!(bench.is_idle().await, "for all consumers");
    bench.end(&running, done()).await;
    let (taken, ()) = tokio::join!(lease(&bench.queue), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bench.other.set_paused(false).await.unwrap();
    });
    assert_eq!(taken.id, id, "who waits is woken");
    assert!(!bench.queue.depth().await.unwrap().is_paused);
}

pub(super) async fn purged_jobs_are_gone(store: &Store) {
    let bench = store.open(options());
    bench.enqueue("runs").await;
    let running = bench.lease().await;
    bench.enqueue("dies").await;
    let dead = bench.kill().await;
    let mut ready = Vec::new();
    for number in 0..3 {
        ready.push(bench.enqueue(&number.to_string()).await);
    }
    let start = Start::After(Duration::from_secs(60));
    let scheduled = bench.store(NewJob { start, ..job("later") }).await;

    assert_eq!(bench.queue.purge(Section::Running, 10).await, Ok(0), "what runs stays");
    assert_eq!(bench.queue.purge(Section::Ready, 2).await, Ok(2));
    assert_eq!(bench.status(ready[0]).await, None);
    assert_eq!(bench.status(ready[1]).await, None);
    assert_eq!(bench.status(ready[2]).await, Some(JobStatus::Waiting), "the oldest went");
    assert_eq!(bench.queue.purge(Section::Ready, 10).await, Ok(1));
    assert_eq!(bench.queue.purge(Section::Ready, 10).await, Ok(0));
    assert_eq!(bench.queue.purge(Section::Scheduled, 10).await, Ok(1));
    assert_eq!(bench.status(scheduled).await, None);
    assert_eq!(bench.queue.purge(Section::Dead, 10).await, Ok(1));
    assert_eq!(bench.status(dead).await, None);
    bench.end(&running, done()).await;
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.dead), (0, 0));
}

pub(super) async fn dead_letters_become_jobs_again(store: &Store) {
    let bench = store.open(QueueOptions { attempts: 2, ..options() });
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(bench.enqueue(&number.to_string()).await);
        for _ in 0..2 {
            let lease = bench.lease().await;
            bench.end(&lease, retry("no")).await;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert_eq!(bench.queue.depth().await.unwrap().dead, 4);
    assert_eq!(bench.other.retry_dead(Some(ids[2]), 10).await, Ok(1), "the one named");
    let again = bench.lease().await;
    assert_eq!((again.id, again.is_last), (ids[2], false), "all attempts are before it");
    assert!(again.attempt > 2, "its runs go on being numbered: {again:?}");
    bench.end(&again, retry("still no")).await;
    assert!(bench.lease().await.is_last);

    assert_eq!(bench.queue.retry_dead(None, 2).await, Ok(2), "the oldest");
    let leases = bench.queue.lease("pod-2#7", 8).await;
    assert_eq!(leases.iter().map(|lease| lease.id).collect::<Vec<_>>(), ids[..2]);
    assert_eq!(bench.queue.retry_dead(None, 100).await, Ok(1));
    assert_eq!(bench.queue.retry_dead(None, 100).await, Ok(0));
    let last = bench.lease().await;
    assert_eq!(last.id, ids[3]);
    bench.end(&last, super::fail("for good")).await;
    let letter = bench.queue.dead_letter(ids[3]).await.unwrap().expect("it is dead again");
    assert_eq!(letter.history.len(), 3, "its history is whole: {letter:?}");
}

pub(super) async fn buried_jobs_are_dead_letters_with_a_note(store: &Store) {
    let bench = store.open(options());
    bench.enqueue("runs").await;
    let running = bench.lease().await;
    let first = bench.enqueue("first").await;
    let start = Start::After(Duration::from_secs(60));
    bench.store(NewJob { start, ..job("later") }).await;
    bench.enqueue("third").await;
    let note = "pod-1 has left for good";
    assert_eq!(bench.queue.bury(note, 1).await, Ok(1));
    assert_eq!(bench.status(first).await, Some(JobStatus::Dead { error: note.to_owned() }));
    assert_eq!(bench.queue.bury(note, 100).await, Ok(2));
    assert_eq!(bench.queue.bury(note, 100).await, Ok(0));
    let letter = bench.queue.dead_letter(first).await.unwrap().expect("it is dead");
    let [last] = letter.history.as_slice() else { panic!("{letter:?}") };
    assert_eq!(last.error, AttemptError::Buried { note: note.to_owned() });
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.running, depth.ready, depth.scheduled, depth.dead), (1, 0, 0, 3));
    bench.end(&running, done()).await;
    assert_eq!(bench.queue.retry_dead(Some(first), 1).await, Ok(1));
    assert_eq!(bench.lease().await.id, first);
}
