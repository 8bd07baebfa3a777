//! Jobs of due times, which several processes store.

use std::collections::BTreeSet;

use super::Store;

pub(super) async fn many_processes_store_one_job_for_a_due_time(store: &Store) {
    let bench = store.open("due");
    let processes: Vec<_> = (1..=5).map(|number| bench.start("due", number)).collect();
    let mut stored = Vec::new();
    for mut process in processes {
        stored.extend(process.rest().await.into_iter().filter(|line| line != "end"));
    }
    let times: BTreeSet<_> = stored.iter().collect();
    assert_eq!(times.len(), stored.len(), "one process stores the job of a time: {stored:?}");
    let depth = bench.queue.depth().await.expect("the store answers");
    assert_eq!(depth.live(), stored.len());
    assert_eq!(bench.queue.last_due().await, Ok(Some(20)));
}
