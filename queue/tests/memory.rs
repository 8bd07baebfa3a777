//! The memory backend keeps the contract.

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::limits::MEMORY_DEAD_LETTERS_MAX;
use meshwork_queue::{JobEnd, MemoryBackend, NewJob, QueueBackend, QueueName, QueueOptions, Scope};
use meshwork_shared::clock::Clock;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use tokio::time::Instant;

mod contract;

/// Its unix time goes with the test's.
fn open() -> Arc<dyn QueueBackend> {
    let began = Instant::now();
    let clock = Clock::from_fn(move || Duration::from_secs(1_700_000_000) + began.elapsed());
    Arc::new(MemoryBackend::new(Random::seeded(1), clock))
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_contract() {
    let backend = open();
    contract::run(async || backend.clone()).await;
}

#[tokio::test(start_paused = true)]
async fn many_consumers_run_every_job_once() {
    let backend = open();
    assert_eq!(backend.scope(), Scope::Process);
    let name = QueueName::balanced("thumbnailer".parse().unwrap(), "resize".parse().unwrap());
    let queue = backend.open(name, QueueOptions::default());
    let consumers: Vec<_> = (0..4)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    let lease = queue.lease("pod-2#7", 1).await.remove(0);
                    tokio::task::yield_now().await;
                    let end = JobEnd::Done { reply: None };
                    queue.finish(lease.token(), end).await.expect("the lease is held");
                }
            })
        })
        .collect();
    for number in 0..200_u8 {
        let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
        let id = JobId([number; 16]);
        let job = NewJob::new(id, caller, variant, Codec::Json, number.to_string());
        queue.enqueue(vec![job]).await.remove(0).unwrap();
        tokio::task::yield_now().await;
    }
    for consumer in consumers {
        consumer.await.unwrap();
    }
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.done), (0, 200));
}

#[tokio::test(start_paused = true)]
async fn the_newest_dead_letters_are_kept_as_far_as_memory_is_meant_for_them() {
    let backend = open();
    let name = QueueName::balanced("thumbnailer".parse().unwrap(), "resize".parse().unwrap());
    let queue = backend.open(name, QueueOptions::default());
    let jobs = (0..MEMORY_DEAD_LETTERS_MAX + 76).map(|number| {
        let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
        let mut id = [0; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
        NewJob::new(JobId(id), caller, variant, Codec::Json, "1")
    });
    assert!(queue.enqueue(jobs.collect()).await.iter().all(Result::is_ok));
    assert_eq!(queue.bury("nobody is there", 2000).await, Ok(MEMORY_DEAD_LETTERS_MAX + 76));
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.dead, depth.dead_dropped), (MEMORY_DEAD_LETTERS_MAX, 76));
}
