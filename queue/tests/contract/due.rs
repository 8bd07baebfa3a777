//! Jobs of due times: one of each, whoever asks.

use meshwork_queue::limits::DUE_AHEAD_MS_MAX;
use meshwork_queue::{EnqueueError, QueueLimits, QueueOptions};

use super::{Store, done, job, options};

pub(super) async fn one_of_many_stores_the_job_of_a_due_time(store: &Store) {
    let bench = store.open(options());
    assert_eq!(bench.queue.last_due().await, Ok(None));
    for due in [1_000_000, 1_300_000, 1_600_000] {
        let calls: Vec<_> = (0..10)
            .map(|number| {
                let queue = if number % 2 == 0 { &bench.queue } else { &bench.other }.clone();
                tokio::spawn(async move { queue.enqueue_due(due, job("tick")).await })
            })
            .collect();
        let mut stored = 0;
        for call in calls {
            stored += usize::from(call.await.unwrap().unwrap());
        }
        assert_eq!(stored, 1, "one of all");
        assert_eq!(bench.other.last_due().await, Ok(Some(due)));
        assert_eq!(bench.queue.depth().await.unwrap().ready, 1);
        let lease = bench.lease().await;
        bench.end(&lease, done()).await;
        assert_eq!(bench.other.enqueue_due(due, job("tick")).await, Ok(false), "it had its job");
        assert_eq!(bench.queue.enqueue_due(due - 1, job("old")).await, Ok(false), "or a later one");
    }
    assert!(bench.is_idle().await);
}

pub(super) async fn a_time_far_ahead_of_the_store_has_no_job(store: &Store) {
    let bench = store.open(options());
    bench.enqueue("what time is it?").await;
    let lease = bench.lease().await;
    let far = lease.enqueued_unix_ms + 10 * DUE_AHEAD_MS_MAX;
    assert_eq!(bench.queue.enqueue_due(far, job("a clock is wrong")).await, Ok(false));
    assert_eq!(bench.queue.last_due().await, Ok(None));
    // Clocks that differ a little are no reason to leave one out.
    let soon = lease.enqueued_unix_ms + 2000;
    assert_eq!(bench.queue.enqueue_due(soon, job("tick")).await, Ok(true));
    assert_eq!(bench.queue.last_due().await, Ok(Some(soon)));
}

pub(super) async fn a_job_that_was_refused_leaves_its_time_open(store: &Store) {
    let limits = QueueLimits { jobs_max: 1, ..QueueLimits::default() };
    let bench = store.open(QueueOptions { limits, ..options() });
    bench.enqueue("1").await;
    let full = bench.queue.enqueue_due(5000, job("tick")).await;
    assert!(matches!(full, Err(EnqueueError::Full { .. })), "{full:?}");
    assert_eq!(bench.queue.last_due().await, Ok(None));
    let lease = bench.lease().await;
    bench.end(&lease, done()).await;
    assert_eq!(bench.queue.enqueue_due(5000, job("tick")).await, Ok(true));
}
