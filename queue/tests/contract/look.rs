//! What people see of a queue.

use std::time::Duration;

use meshwork_queue::{NewJob, QueueDepth, Section, Start};
use meshwork_shared::ids::JobId;

use super::{Bench, Store, done, job, lease, options, retry};

pub(super) async fn depth_counts_everything(store: &Store) {
    let bench = store.open(options());
    let empty = bench.queue.depth().await.unwrap();
    assert_eq!((empty.live(), empty.dead, empty.oldest_ready_ms), (0, 0, None));
    for number in 0..5 {
        bench.enqueue(&number.to_string()).await;
    }
    let start = Start::After(Duration::from_secs(60));
    bench.store(NewJob { start, ..job("later") }).await;
    bench.kill().await;
    let lease = bench.lease().await;
    bench.end(&lease, done()).await;
    let lease = bench.lease().await;
    bench.end(&lease, retry("busy")).await;
    let again = Some(3);
    super::eventually("it is ready again", async || {
        bench.queue.depth().await.map(|depth| depth.ready).ok() == again
    })
    .await;
    bench.lease().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let depth = bench.other.depth().await.unwrap();
    assert_eq!((depth.ready, depth.scheduled, depth.running, depth.dead), (2, 1, 1, 1));
    assert_eq!((depth.done, depth.retried, depth.dead_dropped), (1, 1, 0));
    assert!(depth.oldest_ready_ms.is_some_and(|age| age >= 20), "{depth:?}");
    assert!(!depth.is_paused);
}

async fn pages(bench: &Bench, section: Section) -> Vec<JobId> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = bench.other.peek(section, after, 2).await.unwrap();
        let Some(last) = page.last() else { return all };
        assert!(page.len() <= 2);
        after = Some(last.id);
        all.extend(page.into_iter().map(|job| job.id));
    }
}

pub(super) async fn sections_are_read_in_pages(store: &Store) {
    let bench = store.open(options());
    let mut dead = Vec::new();
    for number in 0..5 {
        bench.enqueue(&number.to_string()).await;
        dead.push(bench.kill().await);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let (mut running, mut ready, mut scheduled) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        running.push(bench.enqueue("running").await);
        bench.lease().await;
    }
    for _ in 0..5 {
        ready.push(bench.enqueue("a ready one").await);
    }
    for second in (100..105).rev() {
        let start = Start::After(Duration::from_secs(second));
        scheduled.insert(0, bench.store(NewJob { start, ..job("scheduled") }).await);
    }
    assert_eq!(pages(&bench, Section::Dead).await, dead, "the oldest first");
    assert_eq!(pages(&bench, Section::Ready).await, ready, "the next first");
    assert_eq!(pages(&bench, Section::Scheduled).await, scheduled, "the next first");
    let mut seen = pages(&bench, Section::Running).await;
    seen.sort();
    running.sort();
    assert_eq!(seen, running, "in an order of its own");

    let shown = bench.queue.peek(Section::Ready, None, 1).await.unwrap().remove(0);
    assert_eq!((shown.caller.as_str(), shown.caller_variant.as_str()), ("gateway", "pod-1"));
    assert_eq!((shown.body_bytes, shown.attempts, shown.consumer), (11, 0, None));
    let shown = bench.queue.peek(Section::Running, None, 1).await.unwrap().remove(0);
    assert_eq!((shown.attempts, shown.consumer.as_deref()), (1, Some("pod-2#7")));
    let shown = bench.queue.peek(Section::Dead, None, 1).await.unwrap().remove(0);
    let error = shown.last.map(|run| run.error.to_string());
    assert_eq!((shown.attempts, error.as_deref()), (1, Some("for good")));
    let none = bench.queue.peek(Section::Ready, Some(dead[0]), 10).await.unwrap();
    assert!(none.is_empty(), "that one is not there: {none:?}");
}

pub(super) async fn the_store_lists_queues_that_hold_anything(store: &Store) {
    let (unused, live, dead) =
        (store.open(options()), store.open(options()), store.open(options()));
    let paused = store.open(options());
    paused.queue.set_paused(true).await.unwrap();
    live.enqueue("1").await;
    dead.enqueue("1").await;
    dead.kill().await;
    let names = store.two.list().await.unwrap();
    assert!(names.is_sorted(), "{names:?}");
    assert!(names.contains(&live.name) && names.contains(&dead.name), "{names:?}");
    assert!(!names.contains(&unused.name), "{names:?}");
    assert!(names.contains(&paused.name), "who paused it has to find it again: {names:?}");
    assert!(!store.one.list_empty().await.unwrap().contains(&paused.name));
    paused.queue.set_paused(false).await.unwrap();
    assert!(!store.two.list().await.unwrap().contains(&paused.name));
    store.one.check().await.unwrap();
}

pub(super) async fn an_empty_queue_is_forgotten(store: &Store) {
    let bench = store.open(options());
    let (name, held) = (bench.name.clone(), bench.enqueue("1").await);
    assert!(!store.two.list_empty().await.unwrap().contains(&name));
    assert_eq!(store.two.forget(&name).await, Ok(false), "it holds a job");
    bench.kill().await;
    drop(bench);
    assert_eq!(store.one.forget(&name).await, Ok(false), "it holds a dead letter");
    let queue = store.one.open(name.clone(), options());
    assert_eq!(queue.purge(Section::Dead, 10).await, Ok(1));
    queue.enqueue(vec![job("2")]).await.remove(0).unwrap();
    let done_lease = lease(&queue).await;
    queue.finish(done_lease.token(), done()).await.unwrap();
    assert!(store.one.list_empty().await.unwrap().contains(&name), "known, and empty");
    assert!(!store.one.list().await.unwrap().contains(&name));
    queue.set_paused(true).await.unwrap();
    drop(queue);
    // Opened by nobody, in memory; elsewhere that is all the same.
    assert_eq!(store.one.forget(&name).await, Ok(false), "who paused it wants it to stay so");
    store.one.open(name.clone(), options()).set_paused(false).await.unwrap();
    assert_eq!(store.one.forget(&name).await, Ok(true));
    assert!(!store.two.list_empty().await.unwrap().contains(&name), "not even its name is left");
    assert_eq!(store.one.forget(&name).await, Ok(true), "nothing is left to be deleted");

    let queue = store.one.open(name.clone(), options());
    assert_eq!(queue.status(done_lease.id).await, Ok(None));
    assert_eq!(queue.status(held).await, Ok(None));
    assert_eq!(queue.depth().await, Ok(QueueDepth::default()));
    let again = NewJob { id: done_lease.id, ..job("the same id") };
    let stored = queue.enqueue(vec![again]).await.remove(0).unwrap();
    assert!(!stored.is_duplicate, "nothing is known of the first one");
    assert_eq!(lease(&queue).await.id, done_lease.id);
    assert!(store.two.list().await.unwrap().contains(&name), "it is on the list again");
}
