//! The thumbnailers as the gateway sees them: joining and waiting for them, and the two broadcasts.

use std::time::Duration;

use meshwork_worker::{Command, Worker};
use tokio::time::timeout;

use crate::commands::{Done, Flush, Resize, Stats};
use crate::limits;

/// How long thumbnailers beyond those that are wanted are waited for.
const OTHERS_WITHIN: Duration = Duration::from_secs(2);

/// What one thumbnailer answered to [`Stats`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which one.
    pub variant: String,
    /// What it has done, or why it did not say.
    pub done: Result<Done, String>,
}

/// Becomes a member as `gateway`, and waits for the thumbnailers: `within` that time the one, and
/// then the other.
///
/// # Errors
/// What to tell people: no master let it in, or how many thumbnailers are here.
pub async fn join(wanted: usize, within: Duration) -> Result<Worker, String> {
    let seconds = within.as_secs();
    let start = limits::raise(Worker::builder("gateway")).strict_handlers().start();
    let worker = timeout(within, start)
        .await
        .map_err(|_| format!("no master let it in within {seconds} s; RUST_LOG=info says more"))?
        .map_err(|error| error.to_string())?;
    match wait_for(&worker, wanted, within).await {
        Ok(()) => Ok(worker),
        Err(found) => Err(format!("{found} of {wanted} thumbnailers are here after {seconds} s")),
    }
}

/// Waits until `wanted` thumbnailers are linked, and for a moment until all are that are members:
/// who came just before us is not to be left out of the first round.
///
/// # Errors
/// How many there are after `within`.
async fn wait_for(worker: &Worker, wanted: usize, within: Duration) -> Result<(), usize> {
    let enough = until(worker, || linked(worker) >= wanted);
    timeout(within, enough).await.map_err(|_| linked(worker))?;
    let all = until(worker, || linked(worker) >= worker.members(Resize::WORKER).len());
    // One that cannot be reached is not waited for.
    let _ = timeout(OTHERS_WITHIN, all).await;
    Ok(())
}

async fn until(worker: &Worker, is_so: impl Fn() -> bool) {
    let mut changes = worker.changes();
    while !is_so() {
        if changes.changed().await.is_err() {
            // The worker is going down: nothing will change any more.
            std::future::pending::<()>().await;
        }
    }
}

/// Asks every thumbnailer what it has done; one answer each, in the order of their names.
pub async fn stats(worker: &Worker) -> Vec<Answer> {
    let outcomes = worker.broadcast(Stats).await;
    let answer = |outcome: meshwork_worker::InstanceOutcome<Done>| Answer {
        variant: outcome.instance.variant.to_string(),
        done: outcome.result.map_err(|error| error.to_string()),
    };
    let mut answers: Vec<Answer> = outcomes.into_iter().map(answer).collect();
    answers.sort_by(|a, b| a.variant.cmp(&b.variant));
    answers
}

/// Tells every thumbnailer to clear its shelf, then asks how full the shelves are. No answer comes
/// to a `flush` itself: `Ok` means no more than that it is on its way.
pub async fn flush(worker: &Worker) -> Vec<Answer> {
    for (instance, error) in worker.broadcast(Flush).await.errors() {
        log::warn!("{} was not told to flush: {error}", instance.variant);
    }
    stats(worker).await
}

/// The thumbnailers that there is a link to.
pub fn linked_names(worker: &Worker) -> Vec<String> {
    let peers = worker.connected_peers();
    let thumbnailers = peers.iter().filter(|peer| peer.worker.as_str() == Resize::WORKER);
    let mut names: Vec<String> = thumbnailers.map(|peer| peer.variant.to_string()).collect();
    names.sort();
    names
}

fn linked(worker: &Worker) -> usize {
    linked_names(worker).len()
}
