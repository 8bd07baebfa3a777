//! The memory backend keeps the contract.

use std::sync::Arc;

use meshwork_queue::{JobEnd, MemoryBackend, NewJob, QueueBackend, QueueOptions};
use meshwork_shared::clock::Clock;
use meshwork_shared::codec::Codec;
use meshwork_shared::random::Random;

mod contract;

fn open(options: QueueOptions) -> MemoryBackend {
    MemoryBackend::new(options, Random::seeded(1), Clock::fixed(1_700_000_000))
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_contract() {
    contract::run(|options| async move { open(options) }).await;
}

#[tokio::test(start_paused = true)]
async fn many_consumers_run_every_job_once() {
    let queue = Arc::new(open(QueueOptions::default()));
    let consumer = |queue: Arc<MemoryBackend>| async move {
        for _ in 0..50 {
            let lease = queue.lease().await;
            tokio::task::yield_now().await;
            queue.finish(lease.token(), JobEnd::Done).await.expect("the lease is held");
        }
    };
    let consumers: Vec<_> = (0..4).map(|_| tokio::spawn(consumer(Arc::clone(&queue)))).collect();
    for number in 0..200_u32 {
        let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
        let job = NewJob::new(caller, variant, Codec::Json, number.to_string());
        queue.enqueue(job).await.unwrap();
        tokio::task::yield_now().await;
    }
    for consumer in consumers {
        consumer.await.unwrap();
    }
    assert_eq!(queue.depth().await, Default::default());
}
