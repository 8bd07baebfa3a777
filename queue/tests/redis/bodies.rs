//! How much of what lies in the server one script reads.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use meshwork_queue::{JobSummary, QueueOptions, Section};
use meshwork_shared::ids::JobId;

use super::bounds::{numbered, open};
use super::server::{Server, is_installed};

#[tokio::test]
async fn whoever_looks_at_many_jobs_has_few_of_their_bodies_read_at_once() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url(), QueueOptions::default());
    let stored = queue.enqueue((0..100).map(numbered).collect()).await;
    assert!(stored.iter().all(Result::is_ok));
    // One reading of the stream for each job that is shown or moved, and those that find them.
    let reads = || {
        let calls = server.calls("xrange");
        assert!(server.cli(&["CONFIG", "RESETSTAT"]).contains("OK"));
        calls
    };
    let ids = |page: Vec<JobSummary>| -> Vec<JobId> { page.iter().map(|job| job.id).collect() };
    let all: Vec<JobId> = (0..100).map(|number| numbered(number).id).collect();
    let few = 100 + 100 / 16;
    reads();
    assert_eq!(ids(queue.peek(Section::Ready, None, 100).await.unwrap()), all);
    let ready = reads();
    assert_eq!(queue.lease("pod-2#7", 100).await.len(), 100);
    reads();
    assert_eq!(ids(queue.peek(Section::Running, None, 100).await.unwrap()), all);
    let running = reads();
    let more = queue.enqueue((100..200).map(numbered).collect()).await;
    assert!(more.iter().all(Result::is_ok));
    assert_eq!(queue.bury("", 100).await, Ok(100));
    let buried = reads();
    assert_eq!(queue.peek(Section::Dead, None, 100).await.unwrap().len(), 100);
    let dead = reads();
    assert_eq!(queue.retry_dead(None, 100).await, Ok(100));
    let all = [ready, running, buried, dead, reads()];
    assert!(all.iter().all(|reads| *reads >= few), "{all:?}");
}
