//! The other end of the many links: workers that a master admits and that do nothing, all in one
//! process and on one thread.

use meshwork_worker::Worker;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Duration, Instant, sleep};

use super::PAUSE;
use crate::arguments::JoinArguments;
use crate::{Outcome, child, mesh};

/// How often a worker is asked whether it is linked.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Starts a few workers and says how long they took to be linked, seconds; some time later the
/// many; never ends by itself.
///
/// # Errors
/// One of them cannot join.
pub(crate) fn run(arguments: &JoinArguments) -> Outcome {
    child::end_with_parent();
    let master = arguments.master.to_string();
    LocalSet::new().block_on(&child::runtime()?, async {
        let mut workers = Vec::new();
        child::say(&join(arguments.few, &master, &mut workers).await?)?;
        sleep(PAUSE).await;
        child::say(&join(arguments.many, &master, &mut workers).await?)?;
        std::future::pending().await
    })
}

/// Starts so many workers at once; seconds until the last of them is linked.
async fn join(count: usize, master: &str, workers: &mut Vec<Worker>) -> Outcome<f64> {
    let started = Instant::now();
    let mut starts = JoinSet::new();
    for _ in 0..count {
        // A thread for each of so many would be measured rather than their links.
        let worker = mesh::worker("caller", master, 0).in_place();
        starts.spawn_local(async move {
            let worker = worker.start().await?;
            while worker.connected_peers().is_empty() {
                sleep(LOOK_EVERY).await;
            }
            Ok::<_, meshwork_worker::StartError>(worker)
        });
    }
    while let Some(worker) = starts.join_next().await {
        workers.push(worker??);
    }
    Ok(started.elapsed().as_secs_f64())
}
