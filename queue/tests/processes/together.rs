//! Several processes that all live.

use std::collections::BTreeMap;

use meshwork_queue::{JobStatus, Reply};
use meshwork_shared::codec::Codec;

use super::{LOOK, Store, job_id, soon};

/// Each job starts when the one before it is over. With a wait of a second for each, as polling
/// would have, they would not be through in time.
pub(super) async fn a_job_wakes_another_process(store: &Store) {
    let bench = store.open("wake");
    let mut consumer = bench.start("consume", 1);
    consumer.says("ready").await;
    let all = async {
        for number in 0..100 {
            let id = bench.enqueue(number).await;
            consumer.says(&number.to_string()).await;
            let end = bench.queue.wait(id).await.expect("the store answers");
            assert!(matches!(end, Some(JobStatus::Done { .. })), "{end:?}");
        }
    };
    soon(all).await;
}

pub(super) async fn who_waits_for_a_job_hears_it_from_another_process(store: &Store) {
    let bench = store.open("hear");
    let _consumer = bench.start("consume", 7);
    let id = bench.enqueue(1).await;
    let end = soon(bench.queue.wait(id)).await;
    let reply = Reply { codec: Codec::Json, body: b"7".as_slice().into() };
    assert_eq!(end, Ok(Some(JobStatus::Done { reply: Some(reply) })));
}

pub(super) async fn two_processes_never_share_a_job(store: &Store) {
    const JOBS: u32 = 400;
    let bench = store.open("share");
    let mut consumers: Vec<_> = (1..=2).map(|number| bench.start("consume", number)).collect();
    for consumer in &mut consumers {
        consumer.says("ready").await;
    }
    for number in 0..JOBS {
        bench.enqueue(number).await;
    }
    for number in 0..JOBS {
        let end = soon(bench.queue.wait(job_id(number))).await;
        assert!(matches!(end, Ok(Some(JobStatus::Done { .. }))), "{end:?}");
    }
    let mut runs = BTreeMap::new();
    for consumer in consumers {
        // The store may know of an end before its consumer's last word is read here.
        for number in consumer.kill().await {
            *runs.entry(number.parse().expect("a number")).or_insert(0) += 1;
        }
    }
    assert_eq!(runs, (0..JOBS).map(|number| (number, 1)).collect());
}

pub(super) async fn a_pause_holds_for_all_processes(store: &Store) {
    let bench = store.open("pause");
    bench.queue.set_paused(true).await.expect("the store answers");
    let mut consumer = bench.start("consume", 1);
    consumer.says("ready").await;
    let id = bench.enqueue(5).await;
    tokio::time::sleep(LOOK * 5).await;
    assert_eq!(bench.queue.status(id).await, Ok(Some(JobStatus::Waiting)));
    assert!(consumer.said().is_empty());
    bench.queue.set_paused(false).await.expect("the store answers");
    consumer.says("5").await;
}
