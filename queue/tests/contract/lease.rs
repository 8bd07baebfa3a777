//! Who holds a job, and what happens when nobody does.

use std::time::Duration;

use meshwork_queue::{FinishError, JobEnd, JobStatus, NewJob, Priority, QueueOptions};
use meshwork_schema::BackoffRange;

use super::{SHORT, Store, done, eventually, job, lease, options, retry, short_leases};

const LOST: Result<(), FinishError> = Err(FinishError::LeaseLost);

pub(super) async fn a_renewed_lease_is_kept(store: &Store) {
    let bench = store.open(QueueOptions { lease: 2 * SHORT, ..options() });
    bench.enqueue("1").await;
    bench.enqueue("2").await;
    let held = bench.queue.lease("pod-2#7", 2).await;
    let tokens: Vec<_> = held.iter().map(|lease| lease.token()).collect();
    // Longer than a lease in all, and far less than one each time.
    for _ in 0..8 {
        tokio::time::sleep(SHORT / 3).await;
        assert_eq!(bench.queue.renew(&tokens).await, [Ok(()), Ok(())]);
        assert!(bench.is_idle().await, "it is held");
    }
    for lease in &held {
        bench.end(lease, done()).await;
    }
    assert_eq!(bench.queue.renew(&tokens).await, [LOST, LOST], "there is nothing to hold");
    assert!(bench.queue.renew(&[]).await.is_empty());
    assert_eq!(bench.queue.depth().await.unwrap().retried, 0);
}

pub(super) async fn a_lost_lease_counts_as_an_attempt(store: &Store) {
    let bench = store.open(short_leases());
    let id = bench.enqueue("1").await;
    let lost = bench.lease().await;
    let again = lease(&bench.other).await;
    assert_eq!((again.id, again.attempt, again.is_last), (id, lost.attempt + 1, false));
    assert_eq!(bench.queue.finish(lost.token(), done()).await, Err(FinishError::LeaseLost));
}

pub(super) async fn a_job_that_kills_its_consumers_is_dead_at_last(store: &Store) {
    let bench = store.open(short_leases());
    let id = bench.store(NewJob { attempts: Some(2), ..job("bomb") }).await;
    assert!(!bench.lease().await.is_last);
    assert!(bench.lease().await.is_last);
    eventually("it is a dead letter", async || {
        matches!(bench.queue.status(id).await, Ok(Some(JobStatus::Dead { .. })))
    })
    .await;
    let letter = bench.queue.dead_letter(id).await.unwrap().expect("it is dead");
    let errors: Vec<_> = letter.history.iter().map(|run| run.error.to_string()).collect();
    assert_eq!(errors, ["its consumer was lost while it ran"; 2]);
    assert!(letter.history.iter().all(|run| run.consumer == "pod-2#7"), "{letter:?}");
    assert!(bench.is_idle().await);
}

pub(super) async fn who_waits_gets_what_a_lost_consumer_held(store: &Store) {
    let bench = store.open(short_leases());
    let other = bench.other.clone();
    let waiting = tokio::spawn(async move { lease(&other).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    // Two jobs: one for the consumer that waits, one for another that takes it and is gone.
    bench.enqueue("1").await;
    let first = waiting.await.unwrap();
    bench.end(&first, done()).await;
    let id = bench.enqueue("2").await;
    let lost = bench.lease().await;
    let again = lease(&bench.other).await;
    assert_eq!((lost.id, again.id, again.attempt), (id, id, 2));
}

pub(super) async fn a_lost_job_is_taken_over_before_an_older_backlog_is_done(store: &Store) {
    let bench = store.open(short_leases());
    // The backlog is older, and somebody works on it all the time.
    for number in 0..60 {
        bench.store(NewJob { priority: Priority::Low, ..job(&number.to_string()) }).await;
    }
    let id = bench.store(NewJob { priority: Priority::High, ..job("high") }).await;
    assert_eq!(bench.lease().await.id, id);
    for _ in 0..60 {
        let next = lease(&bench.other).await;
        if next.id == id {
            assert_eq!(next.attempt, 2);
            return;
        }
        tokio::time::sleep(SHORT / 8).await;
        // On a slow machine it may be too late; that is all the same here.
        let _ = bench.other.finish(next.token(), done()).await;
    }
    panic!("the backlog is done, and the lost job still waits");
}

pub(super) async fn a_late_owner_changes_nothing(store: &Store) {
    // A long backoff, so that the job is scheduled while the late owner comes.
    let backoff = BackoffRange { min: 2 * SHORT, max: 2 * SHORT };
    let bench = store.open(QueueOptions { backoff, attempts: 9, ..short_leases() });
    let id = bench.enqueue("1").await;
    let late = bench.lease().await.token();
    eventually("it waits for its next attempt", async || {
        matches!(bench.queue.status(id).await, Ok(Some(JobStatus::Scheduled { .. })))
    })
    .await;
    assert_eq!(bench.queue.renew(&[late]).await, [LOST]);
    assert_eq!(bench.queue.release(&[late]).await, [LOST]);

    let present = bench.lease().await;
    for end in [done(), retry("late"), JobEnd::Fail { error: "late".to_owned() }] {
        assert_eq!(bench.queue.finish(late, end).await, Err(FinishError::LeaseLost));
    }
    assert_eq!(bench.queue.renew(&[late, present.token()]).await, [LOST, Ok(())]);
    assert_eq!(bench.queue.release(&[late]).await, [LOST]);
    let running = bench.status(id).await;
    assert!(
        matches!(running, Some(JobStatus::Running { attempt, .. }) if attempt == present.attempt),
        "{running:?}"
    );
    bench.end(&present, done()).await;
}

pub(super) async fn a_released_job_is_first_again_and_no_attempt_counts(store: &Store) {
    let bench = store.open(QueueOptions { attempts: 2, ..options() });
    let ids = [bench.enqueue("1").await, bench.enqueue("2").await, bench.enqueue("3").await];
    let held = bench.queue.lease("pod-2#7", 2).await;
    let tokens: Vec<_> = held.iter().map(|lease| lease.token()).collect();
    assert_eq!(bench.queue.release(&tokens).await, [Ok(()), Ok(())]);
    assert_eq!(bench.queue.release(&tokens).await, [LOST, LOST]);
    assert_eq!(bench.status(ids[0]).await, Some(JobStatus::Waiting));
    let again = lease(&bench.other).await;
    assert_eq!(again.id, ids[0], "it is first again");
    assert_ne!(again.token(), tokens[0], "a token names one run");
    let stale = bench.queue.finish(tokens[0], done()).await;
    assert_eq!(stale, Err(FinishError::LeaseLost));
    assert_eq!(bench.lease().await.id, ids[1]);
    assert_eq!(bench.lease().await.id, ids[2]);

    assert!(!again.is_last, "two attempts, and this is the first");
    bench.end(&again, retry("no")).await;
    let last = bench.lease().await;
    assert_eq!((last.id, last.is_last), (ids[0], true));
    bench.end(&last, retry("no")).await;
    let letter = bench.queue.dead_letter(ids[0]).await.unwrap().expect("it is dead");
    assert_eq!(letter.history.len(), 2, "what was handed back is no failure: {letter:?}");
}

pub(super) async fn a_dropped_lease_takes_nothing(store: &Store) {
    let bench = store.open(QueueOptions { attempts: 1, ..options() });
    for number in 0..10 {
        assert!(bench.is_idle().await);
        // The job comes while a lease is being dropped.
        let queue = bench.queue.clone();
        let dropped = tokio::spawn(async move {
            let wait = Duration::from_millis(number);
            drop(tokio::time::timeout(wait, queue.lease("gone#1", 4)).await.ok());
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        dropped.abort();
        let id = bench.enqueue(&number.to_string()).await;
        let lease = bench.lease().await;
        assert_eq!((lease.id, lease.is_last), (id, true));
        bench.end(&lease, done()).await;
    }
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.retried, depth.dead, depth.done), (0, 0, 0, 10));
}

pub(super) async fn what_a_dropped_lease_took_is_handed_back_before_one_leaves(store: &Store) {
    let bench = store.open(QueueOptions { attempts: 1, ..options() });
    for number in 0..40 {
        let id = bench.enqueue("1").await;
        // Dropped while the store is asked, or while its answer is on its way.
        let wait = Duration::from_micros(50 * number);
        let lease = match tokio::time::timeout(wait, bench.queue.lease("gone#1", 4)).await {
            Ok(mut leases) => leases.remove(0),
            Err(_) => {
                bench.queue.handed_back().await;
                let depth = bench.other.depth().await.unwrap();
                assert_eq!((depth.ready, depth.running), (1, 0), "dropped after {wait:?}");
                bench.lease().await
            }
        };
        assert_eq!((lease.id, lease.is_last), (id, true));
        bench.end(&lease, done()).await;
    }
}
