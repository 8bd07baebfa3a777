//! What is left in the server when jobs are over, and what is counted there.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::{
    Dedupe, EnqueueError, Finished, JobEnd, JobStatus, NewJob, Queue, QueueBackend, QueueLimits,
    QueueName, QueueOptions, RedisBackend, Section,
};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::{JobId, MeshId};
use meshwork_shared::random::Random;

use super::server::{Server, eventually, is_installed};

fn backend(url: &str) -> RedisBackend {
    let url = url.parse().expect("a valid address");
    RedisBackend::new(&url, MeshId([1; 16]), Random::system()).expect("it opens")
}

fn name() -> QueueName {
    QueueName::balanced("thumbnailer".parse().unwrap(), "resize".parse().unwrap())
}

pub(crate) fn open(url: &str, options: QueueOptions) -> Arc<dyn Queue> {
    backend(url).open(name(), options)
}

pub(crate) fn job(number: u8) -> NewJob {
    let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
    NewJob::new(JobId([number; 16]), caller, variant, Codec::Json, number.to_string())
}

/// One of many.
pub(crate) fn numbered(number: u32) -> NewJob {
    let mut id = [9; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    NewJob { id: JobId(id), ..job(1) }
}

async fn store(queue: &Arc<dyn Queue>, job: NewJob) -> Result<bool, EnqueueError> {
    Ok(queue.enqueue(vec![job]).await.remove(0)?.is_duplicate)
}

/// What `redis-cli` says of one key of the queue.
fn ask(server: &Server, command: &str, name: &str) -> String {
    server.cli(&[command, &key(name)]).trim().to_owned()
}

/// A key of the queue.
pub(crate) fn key(name: &str) -> String {
    format!("meshwork:{}:{{thumbnailer.resize}}:{name}", MeshId([1; 16]))
}

#[tokio::test]
async fn the_address_may_bound_the_queues() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let url = format!("{}?jobs_max=2&dead_letters_max=1", server.url());
    let queue = open(&url, QueueOptions::default());
    assert_eq!(store(&queue, job(1)).await, Ok(false));
    assert_eq!(store(&queue, job(2)).await, Ok(false));
    let full = store(&queue, job(3)).await;
    assert!(matches!(full, Err(EnqueueError::Full { jobs_max: 2, .. })), "{full:?}");
    assert_eq!(queue.bury("nobody is there", 10).await, Ok(2));
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.dead, depth.dead_dropped), (1, 1));
}

#[tokio::test]
async fn the_history_of_a_buried_job_ends_with_it() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url(), QueueOptions::default());
    assert_eq!(store(&queue, job(1)).await, Ok(false));
    assert_eq!(queue.bury("nobody is there", 10).await, Ok(1));
    assert_eq!(queue.retry_dead(None, 10).await, Ok(1));
    assert_eq!(ask(&server, "HLEN", "hist"), "1");
    let lease = queue.lease("pod-2#7", 1).await.remove(0);
    let done = JobEnd::Done { reply: None };
    assert_eq!(queue.finish(lease.token(), done).await, Ok(Finished::Done));
    assert_eq!(ask(&server, "HLEN", "hist"), "0");
}

#[tokio::test]
async fn nothing_of_many_leases_is_left() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url(), QueueOptions::default());
    assert_eq!(store(&queue, job(0)).await, Ok(false));
    let busy = queue.lease("pod-2#7", 1).await.remove(0);
    for number in 1..=200 {
        assert_eq!(store(&queue, job(number)).await, Ok(false));
        let lease = queue.lease("pod-2#7", 1).await.remove(0);
        let done = JobEnd::Done { reply: None };
        assert_eq!(queue.finish(lease.token(), done).await, Ok(Finished::Done));
    }
    let bundles: usize = ask(&server, "ZCARD", "bundles").parse().unwrap();
    assert!(bundles <= 4, "{bundles} bundles though one job runs");
    assert_eq!(queue.depth().await.unwrap().running, 1);
    let done = JobEnd::Done { reply: None };
    assert_eq!(queue.finish(busy.token(), done).await, Ok(Finished::Done));
    eventually("no bundle is left", async || {
        let idle = queue.lease("pod-2#7", 1);
        assert!(tokio::time::timeout(Duration::from_millis(300), idle).await.is_err());
        ask(&server, "ZCARD", "bundles") == "0"
    })
    .await;
}

#[tokio::test]
async fn open_dedupe_keys_are_counted_and_closed_ones_are_not() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    // A job with a key of 200 bytes takes 512 + 1 + 200, its key 400 + 128 more.
    let limits = QueueLimits { bytes_max: 3000, ..QueueLimits::default() };
    let queue = open(&server.url(), QueueOptions { limits, ..QueueOptions::default() });
    let window = Duration::from_secs(5);
    let with_key = |number: u8| {
        let key = format!("{number:0200}");
        NewJob { dedupe: Some(Dedupe { key, window }), ..job(number) }
    };
    for number in 1..=2 {
        assert_eq!(store(&queue, with_key(number)).await, Ok(false));
        let lease = queue.lease("pod-2#7", 1).await.remove(0);
        let done = JobEnd::Done { reply: None };
        assert_eq!(queue.finish(lease.token(), done).await, Ok(Finished::Done));
    }
    assert_eq!(store(&queue, with_key(3)).await, Ok(false));
    let full = store(&queue, with_key(4)).await;
    assert!(matches!(full, Err(EnqueueError::Full { jobs: 1, .. })), "{full:?}");
    assert_eq!(ask(&server, "HLEN", "dedupe"), "3");
    tokio::time::sleep(window + Duration::from_millis(100)).await;
    assert_eq!(store(&queue, with_key(4)).await, Ok(false));
    assert_eq!(ask(&server, "HLEN", "dedupe"), "1", "closed windows take no room");
    assert_eq!(queue.purge(Section::Ready, 10).await, Ok(2));
}

#[tokio::test]
async fn much_that_is_over_is_forgotten_in_many_steps() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let done_kept = Duration::from_secs(2);
    let queue = open(&server.url(), QueueOptions { done_kept, ..QueueOptions::default() });
    // All are over at about the same time, and nothing happens before they may be forgotten.
    const JOBS: u32 = 20_000;
    for from in (0..JOBS).step_by(500) {
        let stored = queue.enqueue((from..from + 500).map(numbered).collect()).await;
        assert!(stored.iter().all(Result::is_ok));
    }
    for _ in 0..JOBS / 500 {
        let leases = queue.lease("pod-2#7", 500).await;
        let done = |lease: &meshwork_queue::Lease| {
            queue.finish(lease.token(), JobEnd::Done { reply: None })
        };
        futures_util::future::join_all(leases.iter().map(done)).await;
    }
    let kept: u32 = ask(&server, "HLEN", "jobs").parse().unwrap();
    tokio::time::sleep(done_kept + Duration::from_millis(100)).await;
    assert!(server.cli(&["CONFIG", "RESETSTAT"]).contains("OK"));
    assert_eq!(store(&queue, numbered(JOBS - 1)).await, Ok(false), "its id may be used again");
    assert_eq!(ask(&server, "HLEN", "jobs"), "1");
    let calls = server.calls("evalsha");
    assert!(calls > kept / 8000, "{calls} calls, {kept} were kept");
}

#[tokio::test]
async fn a_large_job_takes_the_room_of_many_small_dead_letters() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let limits = QueueLimits { bytes_max: 7_010_000, ..QueueLimits::default() };
    let queue = open(&server.url(), QueueOptions { limits, ..QueueOptions::default() });
    const JOBS: usize = 9500;
    for from in (0..JOBS as u32).step_by(500) {
        let stored = queue.enqueue((from..from + 500).map(numbered).collect()).await;
        assert!(stored.iter().all(Result::is_ok));
    }
    assert_eq!(queue.bury("", JOBS).await, Ok(JOBS));
    let before = queue.depth().await.unwrap();
    let large = NewJob { body: vec![b'x'; 7_000_000].into(), ..numbered(JOBS as u32) };
    assert_eq!(store(&queue, large).await, Ok(false), "{before:?}");
    let after = queue.depth().await.unwrap();
    assert_eq!((before.dead, after.ready), (JOBS, 1));
    assert_eq!(after.dead + after.dead_dropped as usize, JOBS);
    assert!(after.dead_dropped > 8000, "one step would have been enough: {after:?}");
    assert!(after.bytes <= limits.bytes_max, "{after:?}");
}

#[tokio::test]
async fn a_clock_that_went_back_holds_up_no_id() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let done_kept = Duration::from_secs(2);
    let queue = open(&server.url(), QueueOptions { done_kept, ..QueueOptions::default() });
    for number in [b'A', b'B', b'C'] {
        assert_eq!(store(&queue, job(number)).await, Ok(false));
        let lease = queue.lease("pod-2#7", 1).await.remove(0);
        let done = JobEnd::Done { reply: None };
        assert_eq!(queue.finish(lease.token(), done).await, Ok(Finished::Done));
    }
    // The first and the last of them ended when the clock was a day ahead.
    let ended = key("ended");
    for at in ["0", "2"] {
        let line = server.cli(&["LINDEX", &ended, at]).trim().to_owned();
        let (time, rest) = line.split_at(13);
        let ahead = format!("{:013}{rest}", time.parse::<u64>().unwrap() + 86_400_000);
        assert!(server.cli(&["LSET", &ended, at, &ahead]).contains("OK"));
    }
    tokio::time::sleep(done_kept + Duration::from_millis(100)).await;

    assert_eq!(store(&queue, job(b'B')).await, Ok(false), "its id may be used again");
    assert_eq!(ask(&server, "LLEN", "ended"), "1", "what ended later is no matter of this");
    let lease = queue.lease("pod-2#7", 1).await.remove(0);
    assert_eq!(store(&queue, job(b'C')).await, Ok(false));
    // Nothing that is left of the first run of a job takes the second one along.
    assert_eq!(queue.status(lease.id).await.unwrap().map(|status| status.is_final()), Some(false));
    let done = JobEnd::Done { reply: None };
    assert_eq!(queue.finish(lease.token(), done).await, Ok(Finished::Done));
    assert_eq!(queue.status(JobId([b'C'; 16])).await, Ok(Some(JobStatus::Waiting)));
}

#[tokio::test]
async fn queues_that_nobody_has_open_are_not_listened_to() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let backend = backend(&server.url());
    let named = |number: u8| {
        let command = format!("resize{number}").parse().unwrap();
        QueueName::balanced("thumbnailer".parse().unwrap(), command)
    };
    let channels = || server.cli(&["PUBSUB", "CHANNELS"]).lines().count();
    let kept = backend.open(named(0), QueueOptions::default());
    let waiting = kept.clone();
    let waiting = tokio::spawn(async move { waiting.lease("pod-2#7", 1).await });
    for number in 1..=20 {
        let queue = backend.open(named(number), QueueOptions::default());
        assert_eq!(store(&queue, job(number)).await, Ok(false));
        let ended = queue.wait(JobId([number; 16]));
        assert!(tokio::time::timeout(Duration::from_millis(20), ended).await.is_err());
    }
    eventually("one is left", async || channels() == 1).await;
    assert_eq!(store(&kept, job(1)).await, Ok(false));
    assert_eq!(waiting.await.unwrap().len(), 1, "it is still heard");
    // One that was let go of is heard again when it is opened again.
    let again = backend.open(named(1), QueueOptions::default());
    let ended = again.wait(JobId([1; 16]));
    let end = async {
        eventually("two are heard", async || channels() == 2).await;
        let lease = again.lease("pod-2#7", 1).await.remove(0);
        again.finish(lease.token(), JobEnd::Done { reply: None }).await
    };
    let (status, end) = tokio::join!(ended, end);
    assert_eq!((status, end), (Ok(Some(JobStatus::Done { reply: None })), Ok(Finished::Done)));
}

#[tokio::test]
async fn a_forgotten_queue_leaves_no_key() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let backend = backend(&server.url());
    let queue = backend.open(name(), QueueOptions::default());
    let dedupe = Some(Dedupe { key: "a".to_owned(), window: Duration::from_secs(60) });
    assert_eq!(store(&queue, NewJob { dedupe, ..job(1) }).await, Ok(false));
    let lease = queue.lease("pod-2#7", 1).await.remove(0);
    let done = JobEnd::Done { reply: None };
    assert_eq!(queue.finish(lease.token(), done).await, Ok(Finished::Done));
    assert!(!server.cli(&["KEYS", "*"]).trim().is_empty());
    assert_eq!(backend.forget(&name()).await, Ok(true));
    assert_eq!(server.cli(&["KEYS", "*"]).trim(), "");
}
