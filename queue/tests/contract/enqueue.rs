//! What is stored, what is not, and what waits for its time.

use std::time::Duration;

use meshwork_queue::{
    Canceled, Dedupe, EnqueueError, Enqueued, JobStatus, NewJob, QueueLimits, QueueOptions,
    Section, Start,
};

use super::{Bench, SHORT, Store, done, job, new_id, options};

async fn store_again(bench: &Bench, job: NewJob) -> Enqueued {
    bench.other.enqueue(vec![job]).await.remove(0).expect("it is there already")
}

pub(super) async fn the_same_id_is_the_same_job(store: &Store) {
    let bench = store.open(options());
    let sent = job("1");
    let id = bench.store(sent.clone()).await;
    let again = Enqueued { id, is_duplicate: true };
    assert_eq!(store_again(&bench, sent.clone()).await, again, "it waits");
    let lease = bench.lease().await;
    assert_eq!(store_again(&bench, sent.clone()).await, again, "it runs");
    bench.end(&lease, super::fail("for good")).await;
    assert_eq!(store_again(&bench, sent.clone()).await, again, "it is dead");

    let twice = NewJob { start: Start::After(Duration::from_secs(60)), ..job("2") };
    let both = bench.queue.enqueue(vec![twice.clone(), twice.clone()]).await;
    assert_eq!(both[0], Ok(Enqueued { id: twice.id, is_duplicate: false }));
    assert_eq!(both[1], Ok(Enqueued { id: twice.id, is_duplicate: true }), "in one batch");
    assert_eq!(bench.queue.cancel(twice.id).await, Ok(Canceled::Yes));
    assert!(store_again(&bench, twice.clone()).await.is_duplicate, "it was canceled");

    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.dead), (0, 1));
}

pub(super) async fn a_batch_that_is_asked_for_again_stores_what_is_missing(store: &Store) {
    let bench = store.open(options());
    let jobs: Vec<NewJob> = (0..40).map(|number: u8| job(&number.to_string())).collect();
    let first = bench.queue.enqueue(jobs[..20].to_vec()).await;
    assert!(first.iter().all(|stored| stored.as_ref().is_ok_and(|stored| !stored.is_duplicate)));
    let first_lease = bench.lease().await;
    bench.end(&first_lease, done()).await;
    // Those of the first batch in reverse, among them one that is done, and new ones between.
    let mixed: Vec<NewJob> = (0..20)
        .rev()
        .flat_map(|number| [jobs[number].clone(), jobs[20 + number].clone()])
        .collect();
    let again = bench.other.enqueue(mixed.clone()).await;
    let expected = mixed.iter().map(|sent| {
        let is_duplicate = jobs[..20].iter().any(|known| known.id == sent.id);
        Ok(Enqueued { id: sent.id, is_duplicate })
    });
    assert_eq!(again, expected.collect::<Vec<_>>());
    assert_eq!(bench.queue.depth().await.unwrap().live(), 39);
}

pub(super) async fn a_dedupe_key_holds_for_its_window(store: &Store) {
    let bench = store.open(options());
    let window = SHORT;
    let with_key =
        |key: &str| NewJob { dedupe: Some(Dedupe { key: key.to_owned(), window }), ..job("1") };
    let first = bench.store(with_key("page 1")).await;
    let same = store_again(&bench, with_key("page 1")).await;
    assert_eq!(same, Enqueued { id: first, is_duplicate: true });
    bench.store(with_key("page 2")).await;
    let lease = bench.lease().await;
    bench.end(&lease, done()).await;
    let same = store_again(&bench, with_key("page 1")).await;
    assert!(same.is_duplicate, "the window is open although the first is done: {same:?}");

    tokio::time::sleep(window + Duration::from_millis(50)).await;
    let next = with_key("page 1");
    let id = bench.store(next.clone()).await;
    assert_eq!(id, next.id, "the window is over");
    assert_eq!(store_again(&bench, with_key("page 1")).await.id, id, "a new one began");
}

pub(super) async fn a_window_that_closed_with_many_others_opens_anew(store: &Store) {
    let bench = store.open(options());
    let with_key = |number: usize| {
        let dedupe = Some(Dedupe { key: format!("page {number:04}"), window: SHORT });
        NewJob { dedupe, ..job("1") }
    };
    let stored = bench.queue.enqueue((0..600).map(with_key).collect()).await;
    assert!(stored.iter().all(|stored| stored.as_ref().is_ok_and(|stored| !stored.is_duplicate)));

    tokio::time::sleep(SHORT + Duration::from_millis(50)).await;
    // Nothing happened to the queue since: all of them are still to be forgotten.
    let id = bench.store(with_key(599)).await;
    assert_eq!(store_again(&bench, with_key(599)).await, Enqueued { id, is_duplicate: true });
    bench.store(with_key(598)).await;
}

pub(super) async fn windows_that_closed_make_room(store: &Store) {
    let limits = QueueLimits { bytes_max: 450_000, ..QueueLimits::default() };
    let bench = store.open(QueueOptions { limits, ..options() });
    let with_key = |number: usize| {
        let dedupe = Some(Dedupe { key: format!("page {number:04}"), window: SHORT });
        NewJob { dedupe, ..job("1") }
    };
    let stored = bench.queue.enqueue((0..600).map(with_key).collect()).await;
    assert!(stored.iter().all(Result::is_ok), "{:?}", stored.last());
    assert_eq!(bench.queue.purge(Section::Ready, 600).await, Ok(600));

    tokio::time::sleep(SHORT + Duration::from_millis(50)).await;
    // Nothing happened to the queue since: all of them are still to be forgotten.
    bench.enqueue(&"x".repeat(440_000)).await;
}

pub(super) async fn a_batch_is_stored_job_by_job(store: &Store) {
    let limits = QueueLimits { bytes_max: 100_000, ..QueueLimits::default() };
    let bench = store.open(QueueOptions { limits, ..options() });
    assert!(bench.queue.enqueue(Vec::new()).await.is_empty());
    let large = job(&"x".repeat(200_000));
    let stored = bench.queue.enqueue(vec![job("1"), large.clone(), job("3")]).await;
    assert!(matches!(stored[..], [Ok(_), Err(EnqueueError::TooLarge { .. }), Ok(_)]), "{stored:?}");
    assert_eq!(bench.status(large.id).await, None);
    assert_eq!(super::bodies(&bench.queue.lease("pod-2#7", 8).await), ["1", "3"]);
}

pub(super) async fn a_full_queue_refuses(store: &Store) {
    let limits = QueueLimits { jobs_max: 2, ..QueueLimits::default() };
    let bench = store.open(QueueOptions { limits, ..options() });
    let first = bench.enqueue("1").await;
    bench.enqueue("2").await;
    let third = job("3");
    let full = bench.queue.enqueue(vec![third.clone()]).await.remove(0);
    assert!(matches!(full, Err(EnqueueError::Full { jobs_max: 2, .. })), "{full:?}");
    let lease = bench.lease().await;
    assert_eq!(lease.id, first, "what was stored before is still there");
    let full = bench.other.enqueue(vec![third.clone()]).await.remove(0);
    assert!(matches!(full, Err(EnqueueError::Full { .. })), "what runs counts: {full:?}");
    bench.end(&lease, done()).await;
    bench.store(third).await;
}

pub(super) async fn a_job_larger_than_the_queue_is_refused(store: &Store) {
    let limits = QueueLimits { bytes_max: 10_000, ..QueueLimits::default() };
    let bench = store.open(QueueOptions { limits, ..options() });
    let large = bench.queue.enqueue(vec![job(&"x".repeat(20_000))]).await.remove(0);
    assert!(matches!(large, Err(EnqueueError::TooLarge { bytes_max: 10_000, .. })), "{large:?}");
    assert_eq!(bench.queue.depth().await.unwrap().live(), 0);
    bench.enqueue("1").await;
}

pub(super) async fn a_delayed_job_waits_for_its_time(store: &Store) {
    let bench = store.open(options());
    let start = Start::After(SHORT);
    let delayed = bench.store(NewJob { start, ..job("later") }).await;
    let scheduled = bench.status(delayed).await;
    assert!(matches!(scheduled, Some(JobStatus::Scheduled { attempts: 0, .. })), "{scheduled:?}");
    assert_eq!(bench.queue.depth().await.unwrap().scheduled, 1);
    let now = bench.enqueue("now").await;
    assert_eq!(bench.lease().await.id, now, "it holds nobody up");
    assert!(bench.is_idle().await);
    let lease = super::lease(&bench.other).await;
    assert_eq!((lease.id, lease.attempt), (delayed, 1), "who waits gets it when it is due");
}

pub(super) async fn a_job_runs_at_its_time(store: &Store) {
    let bench = store.open(options());
    bench.enqueue("what time is it?").await;
    // The store's own clock, which need not be that of the test.
    let now = bench.lease().await.enqueued_unix_ms;
    let soon = now + SHORT.as_millis() as u64;
    let due_unix_ms = soon + 200;
    let at = bench.store(NewJob { start: Start::At(due_unix_ms), ..job("at") }).await;
    let scheduled = Some(JobStatus::Scheduled { due_unix_ms, attempts: 0 });
    assert_eq!(bench.status(at).await, scheduled);
    let sooner = bench.store(NewJob { start: Start::At(soon), ..job("sooner") }).await;
    assert!(bench.is_idle().await);
    assert_eq!(bench.lease().await.id, sooner, "the order is that of the times");
    assert_eq!(bench.lease().await.id, at);
}

pub(super) async fn a_time_that_has_passed_is_now(store: &Store) {
    let bench = store.open(options());
    let past = NewJob { id: new_id(), start: Start::At(1), ..job("past") };
    let none = NewJob { start: Start::After(Duration::ZERO), ..job("none") };
    let ids = [bench.store(past).await, bench.store(none).await];
    assert_eq!(bench.queue.depth().await.unwrap().ready, 2);
    assert_eq!(ids.map(Some), [Some(bench.lease().await.id), Some(bench.lease().await.id)]);
}

pub(super) async fn dead_letters_give_way_only_if_that_makes_room(store: &Store) {
    let limits = QueueLimits { bytes_max: 4000, ..QueueLimits::default() };
    let bench = store.open(QueueOptions { limits, ..options() });
    let of_bytes = |bytes: usize| job(&"x".repeat(bytes));
    for _ in 0..2 {
        bench.enqueue("dies").await;
        bench.kill().await;
    }
    let live = bench.store(of_bytes(1500)).await;
    let refused = bench.queue.enqueue(vec![of_bytes(1600)]).await.remove(0);
    assert!(matches!(refused, Err(EnqueueError::Full { .. })), "{refused:?}");
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.dead, depth.dead_dropped), (2, 0), "it would not fit without them either");

    bench.store(of_bytes(600)).await;
    let depth = bench.queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.dead, depth.dead_dropped), (2, 1, 1), "one was enough");
    assert_eq!(bench.queue.status(live).await, Ok(Some(JobStatus::Waiting)));
}
