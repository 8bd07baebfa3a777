//! Many kills at random moments: nothing that was acknowledged is lost, nothing is stuck.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_queue::{JobEnd, JobStatus, NewJob};
use meshwork_shared::random::Random;

use super::{Store, job, job_id, number_of, soon};

/// Producers that are killed, and where the numbers of the next one begin.
const PRODUCERS: u32 = 5;
const NUMBERS: u32 = 1_000_000;

pub(super) async fn a_killed_producer_loses_nothing_acknowledged(store: &Store) {
    let bench = store.open("produce");
    let random = Random::seeded(7);
    let mut acknowledged = Vec::new();
    for round in 0..PRODUCERS {
        let mut producer = bench.start("produce", round * NUMBERS);
        // Its first word says that it is at work.
        acknowledged.extend(producer.next().await);
        tokio::time::sleep(Duration::from_millis(random.below(200))).await;
        acknowledged.extend(producer.kill().await);
    }
    let mut stored = BTreeMap::new();
    while bench.queue.depth().await.expect("the store answers").live() > 0 {
        for lease in soon(bench.queue.lease("test#1", 64)).await {
            *stored.entry(number_of(&lease.job)).or_insert(0) += 1;
            let end = JobEnd::Done { reply: None };
            bench.queue.finish(lease.token(), end).await.expect("it is held");
        }
    }
    let acknowledged: Vec<u32> =
        acknowledged.iter().map(|number| number.parse().expect("a number")).collect();
    println!("{} acknowledged, {} stored", acknowledged.len(), stored.len());
    assert!(acknowledged.iter().all(|number| stored.contains_key(number)));
    assert!(stored.values().all(|times| *times == 1), "each is stored once");
    let more = stored.len() - acknowledged.len();
    assert!(more <= PRODUCERS as usize, "each producer had one that it did not hear of: {more}");
}

pub(super) async fn killed_consumers_leave_every_job_to_others(store: &Store) {
    const JOBS: u32 = 600;
    const KILLS: u32 = 6;
    let bench = store.open_short("kill");
    let random = Random::seeded(11);
    let mut runs = BTreeMap::new();
    let mut note = |lines: Vec<String>| {
        for number in lines.iter().filter_map(|line| line.parse::<u32>().ok()) {
            *runs.entry(number).or_insert(0) += 1;
        }
    };
    for round in 0..KILLS {
        for number in round * JOBS / KILLS..(round + 1) * JOBS / KILLS {
            // However often one of them is lost: this is not about jobs that kill consumers.
            let many = NewJob { attempts: Some(1000), ..job(number) };
            bench.queue.enqueue(vec![many]).await.remove(0).expect("there is room");
        }
        let mut consumer = bench.start("consume", round);
        consumer.says("ready").await;
        tokio::time::sleep(Duration::from_millis(random.below(50))).await;
        note(consumer.kill().await);
    }
    let last = bench.start("consume", KILLS);
    for number in 0..JOBS {
        let end = soon(bench.queue.wait(job_id(number))).await;
        assert!(matches!(end, Ok(Some(JobStatus::Done { .. }))), "{number}: {end:?}");
    }
    // All that it said, also what was not read yet when the store knew of the last end.
    note(last.kill().await);
    let twice = runs.values().filter(|times| **times > 1).count();
    println!("{JOBS} jobs, {KILLS} kills, {twice} ran twice");
    assert_eq!(runs.len(), JOBS as usize, "each ran at least once");
    let depth = bench.queue.depth().await.expect("the store answers");
    assert_eq!((depth.live(), depth.dead), (0, 0));
}
