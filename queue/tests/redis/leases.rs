//! Leases whose ends are not in the order of the jobs.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::{
    JobEnd, JobStatus, NewJob, Queue, QueueBackend, QueueName, QueueOptions, RedisBackend,
};
use meshwork_schema::BackoffRange;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::{JobId, MeshId};
use meshwork_shared::random::Random;

use super::server::{Server, eventually, is_installed};

/// A queue whose leases are so long.
fn open(server: &Server, lease: Duration) -> Arc<dyn Queue> {
    let url = server.url().parse().expect("a valid address");
    let backend = RedisBackend::new(&url, MeshId([1; 16]), Random::system()).expect("it opens");
    let name = QueueName::balanced("thumbnailer".parse().unwrap(), "resize".parse().unwrap());
    // What is lost stays where the test looks for it.
    let minute = Duration::from_secs(60);
    let backoff = BackoffRange { min: minute, max: minute };
    backend.open(name, QueueOptions { lease, backoff, ..QueueOptions::default() })
}

fn job(number: u8) -> NewJob {
    let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
    NewJob::new(JobId([number; 16]), caller, variant, Codec::Json, number.to_string())
}

#[tokio::test]
async fn a_shorter_lease_ends_before_an_older_longer_one() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    // As with workers of which some follow a newer schema than others.
    let old = open(&server, Duration::from_secs(600));
    let new = open(&server, Duration::from_millis(300));
    let stored = old.enqueue((1..=3).map(job).collect()).await;
    assert!(stored.iter().all(Result::is_ok));
    let first = old.lease("pod-1#1", 1).await.remove(0);
    let lost = new.lease("pod-2#7", 1).await.remove(0);
    assert_eq!((first.id, lost.id), (JobId([1; 16]), JobId([2; 16])));
    eventually("the lost one is given up", async || {
        matches!(new.status(lost.id).await, Ok(Some(JobStatus::Scheduled { .. })))
    })
    .await;
    // Each of them is found, whatever the order.
    let third = old.lease("pod-1#1", 1).await.remove(0);
    for lease in [third, first] {
        assert_eq!(old.renew(&[lease.token()]).await, [Ok(())]);
        assert!(old.finish(lease.token(), JobEnd::Done { reply: None }).await.is_ok());
    }
    let depth = old.depth().await.unwrap();
    assert_eq!((depth.running, depth.scheduled, depth.done), (0, 1, 2));
}
