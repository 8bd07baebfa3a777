//! Answers that get lost with their connection.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::{
    FinishError, Finished, JobEnd, JobStatus, NewJob, Queue, QueueBackend, QueueName, QueueOptions,
    RedisBackend,
};
use meshwork_schema::BackoffRange;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::{JobId, MeshId};
use meshwork_shared::random::Random;

use super::proxy::{MARK, Proxy};
use super::server::{Server, eventually, is_installed};

/// How long something may take that is expected; a lease is longer.
const PATIENCE: Duration = Duration::from_secs(20);

fn open(port: u16) -> Arc<dyn Queue> {
    open_with(port, QueueOptions { attempts: 2, ..QueueOptions::default() })
}

fn open_with(port: u16, options: QueueOptions) -> Arc<dyn Queue> {
    let url = format!("redis://127.0.0.1:{port}").parse().expect("a valid address");
    let backend = RedisBackend::new(&url, MeshId([1; 16]), Random::system()).expect("it opens");
    let name = QueueName::balanced("thumbnailer".parse().unwrap(), "resize".parse().unwrap());
    backend.open(name, options)
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
async fn jobs_that_are_given_again_are_held_from_then_on() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port).await;
    let lease = Duration::from_secs(4);
    let options = QueueOptions { lease, attempts: 9, ..QueueOptions::default() };
    let (direct, queue) = (open_with(server.port, options), open_with(proxy.port, options));
    store(&direct, 1..=3).await;
    // One of them was read before, and has a record of its run.
    let first = direct.lease("pod-1#1", 1).await.remove(0);
    direct.release(&[first.token()]).await.remove(0).unwrap();

    proxy.swallow_and_shut();
    let asking = queue.clone();
    let asked = tokio::spawn(async move { asking.lease("pod-2#7", 3).await });
    eventually("the answer is lost", async || proxy.swallowed() == 1).await;
    tokio::time::sleep(lease.mul_f64(0.8)).await;
    proxy.open();
    let leases = tokio::time::timeout(PATIENCE, asked).await.unwrap().unwrap();
    // A consumer that has nothing else to do first renews after a third of the lease.
    tokio::time::sleep(lease / 3).await;
    assert_eq!(direct.depth().await.unwrap().running, 3, "nobody else may have them meanwhile");
    let tokens: Vec<_> = leases.iter().map(|lease| lease.token()).collect();
    assert_eq!(queue.renew(&tokens).await, [Ok(()), Ok(()), Ok(())]);
}

#[tokio::test]
async fn a_word_that_came_too_late_is_not_taken_for_one_that_was_heard() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port).await;
    let backoff = BackoffRange { min: Duration::from_secs(60), max: Duration::from_secs(60) };
    let lease = Duration::from_millis(400);
    let options = QueueOptions { lease, backoff, attempts: 2, ..QueueOptions::default() };
    let (direct, queue) = (open_with(server.port, options), open_with(proxy.port, options));
    queue.depth().await.unwrap();
    let retry = || JobEnd::Retry { error: "busy".to_owned(), after: None };
    for (number, end) in [(1, JobEnd::Done { reply: None }), (2, retry())] {
        store(&direct, number..=number).await;
        let held = direct.lease("pod-1#1", 1).await.remove(0);
        eventually("its lease ends", async || {
            let status = direct.status(held.id).await;
            matches!(status, Ok(Some(JobStatus::Scheduled { .. })))
        })
        .await;
        // That the lease is lost is the answer, and it is asked for once more.
        proxy.swallow_with("*1\r\n:0\r\n");
        assert_eq!(queue.finish(held.token(), end).await, Err(FinishError::LeaseLost));
        assert_eq!(proxy.swallowed(), usize::from(number));
    }
}

#[tokio::test]
async fn a_word_that_was_heard_is_answered_as_it_was() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port).await;
    let (direct, queue) = (open(server.port), open(proxy.port));
    queue.depth().await.unwrap();
    let fail = JobEnd::Fail { error: "no".to_owned() };
    let retry = JobEnd::Retry { error: "busy".to_owned(), after: Some(Duration::ZERO) };
    let delay = Duration::ZERO;
    for (number, end, answer, expected) in [
        (1, JobEnd::Done { reply: None }, ":1", Finished::Done),
        (2, fail, ":3", Finished::Dead),
        (3, retry, ":2", Finished::Retried { delay }),
    ] {
        store(&direct, number..=number).await;
        let held = direct.lease("pod-1#1", 1).await.remove(0);
        proxy.swallow_with(answer);
        assert_eq!(queue.finish(held.token(), end).await, Ok(expected), "{answer}");
        assert_eq!(proxy.swallowed(), usize::from(number));
    }
    assert_eq!(direct.depth().await.unwrap().retried, 1, "it was counted once");
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
