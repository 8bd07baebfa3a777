//! Answers that get lost with their connection.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::{
    Finished, JobEnd, NewJob, Queue, QueueBackend, QueueName, QueueOptions, RedisBackend,
};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::{JobId, MeshId};
use meshwork_shared::random::Random;

use super::proxy::{MARK, Proxy};
use super::server::{Server, eventually, is_installed};

/// How long something may take that is expected; a lease is longer.
const PATIENCE: Duration = Duration::from_secs(20);

fn open(port: u16) -> Arc<dyn Queue> {
    let url = format!("redis://127.0.0.1:{port}").parse().expect("a valid address");
    let backend = RedisBackend::new(&url, MeshId([1; 16]), Random::system()).expect("it opens");
    let name = QueueName::balanced("thumbnailer".parse().unwrap(), "resize".parse().unwrap());
    backend.open(name, QueueOptions { attempts: 2, ..QueueOptions::default() })
}

async fn store(queue: &Arc<dyn Queue>, numbers: std::ops::RangeInclusive<u8>) {
    let job = |number| {
        let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
        NewJob::new(JobId([number; 16]), caller, variant, Codec::Raw, MARK)
    };
    let jobs: Vec<NewJob> = numbers.map(job).collect();
    assert!(queue.enqueue(jobs).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_lost_answer_to_a_lease_is_given_again() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port).await;
    let (direct, queue) = (open(server.port), open(proxy.port));
    store(&direct, 1..=5).await;
    // One of them was read before.
    let first = direct.lease("pod-1#1", 1).await.remove(0);
    direct.release(&[first.token()]).await.remove(0).unwrap();

    proxy.swallow();
    let leases = tokio::time::timeout(PATIENCE, queue.lease("pod-2#7", 3)).await.unwrap();
    assert_eq!(proxy.swallowed(), 1);
    let mut ids: Vec<JobId> = leases.iter().map(|lease| lease.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3].map(|number| JobId([number; 16])));
    assert!(!leases.iter().any(|lease| lease.is_last), "no attempt was burnt: {leases:?}");
    let depth = direct.depth().await.unwrap();
    assert_eq!((depth.running, depth.ready), (3, 2));
    for lease in &leases {
        let done = JobEnd::Done { reply: None };
        assert_eq!(queue.finish(lease.token(), done).await, Ok(Finished::Done));
    }
    assert_eq!(direct.depth().await.unwrap().running, 0);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_handed_back() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port).await;
    let (direct, queue) = (open(server.port), open(proxy.port));
    store(&direct, 1..=3).await;
    proxy.swallow();
    let mut lease = queue.lease("pod-2#7", 3);
    tokio::select! {
        biased;
        _ = &mut lease => panic!("it cannot have an answer yet"),
        () = std::future::ready(()) => {}
    }
    eventually("the answer is lost", async || proxy.swallowed() == 1).await;
    drop(lease);
    eventually("they wait again", async || direct.depth().await.unwrap().ready == 3).await;
    let leases = direct.lease("pod-1#1", 3).await;
    assert_eq!(leases.len(), 3);
    assert!(!leases.iter().any(|lease| lease.is_last), "no attempt was burnt: {leases:?}");
}
