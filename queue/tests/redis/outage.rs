//! What the Redis backend does when its server is away, full, forgetful, or not what it was.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::{
    EnqueueError, Finished, JobEnd, JobStatus, Lease, NewJob, Queue, QueueBackend, QueueName,
    QueueOptions, RedisBackend, Section,
};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::{JobId, MeshId};
use meshwork_shared::random::Random;

use super::proxy::Proxy;
use super::server::{Server, is_installed};

/// How long something may take that is expected.
const PATIENCE: Duration = Duration::from_secs(30);

fn backend(url: &str) -> RedisBackend {
    let url = url.parse().expect("a valid address");
    RedisBackend::new(&url, MeshId([1; 16]), Random::system()).expect("it opens")
}

fn name(command: &str) -> QueueName {
    QueueName::balanced("thumbnailer".parse().unwrap(), command.parse().unwrap())
}

fn open(url: &str) -> Arc<dyn Queue> {
    backend(url).open(name("resize"), QueueOptions::default())
}

fn job(number: u8) -> NewJob {
    let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
    NewJob::new(JobId([number; 16]), caller, variant, Codec::Json, number.to_string())
}

async fn enqueue(queue: &Arc<dyn Queue>, number: u8) -> Result<bool, EnqueueError> {
    let stored = queue.enqueue(vec![job(number)]).await.remove(0)?;
    Ok(stored.is_duplicate)
}

async fn lease(queue: &Arc<dyn Queue>) -> Lease {
    let leases = tokio::time::timeout(PATIENCE, queue.lease("pod-2#7", 1)).await;
    leases.expect("a job comes").remove(0)
}

async fn finish(queue: &Arc<dyn Queue>, lease: &Lease) {
    let done = JobEnd::Done { reply: None };
    assert_eq!(queue.finish(lease.token(), done).await, Ok(Finished::Done));
}

#[tokio::test]
async fn without_a_server_nothing_is_stored_and_the_caller_knows() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let queue = open(&server.url());
    server.kill();
    let refused = enqueue(&queue, 1).await;
    assert!(matches!(refused, Err(EnqueueError::Unavailable { .. })), "{refused:?}");
    server.restart().await;
    assert_eq!(queue.status(JobId([1; 16])).await, Ok(None));
    assert_eq!(enqueue(&queue, 1).await, Ok(false));
}

async fn enqueue_within(queue: &Arc<dyn Queue>, number: u8, ms: u64) -> Result<bool, EnqueueError> {
    let until = tokio::time::Instant::now() + Duration::from_millis(ms);
    Ok(queue.enqueue_until(vec![job(number)], until).await.remove(0)?.is_duplicate)
}

/// Half a second is less than a call takes that tries again.
#[tokio::test]
async fn who_has_little_time_knows_that_nothing_was_sent() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let (queue, new) = (open(&server.url()), open(&server.url()));
    assert_eq!(enqueue_within(&queue, 1, 20_000).await, Ok(false));
    server.kill();
    // Until the connection is heard to end, and is not taken for one that has just worked.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let patient = {
        let queue = queue.clone();
        tokio::spawn(async move { enqueue_within(&queue, 2, 20_000).await })
    };
    for (number, queue) in [(3, &queue), (4, &new), (5, &queue)] {
        let refused = enqueue_within(queue, number, 500).await;
        assert!(matches!(refused, Err(EnqueueError::Unavailable { .. })), "{number}: {refused:?}");
    }
    server.restart().await;
    assert_eq!(patient.await.unwrap(), Ok(false), "it waited longer, and in the same batch");
    assert_eq!(enqueue_within(&new, 6, 20_000).await, Ok(false));
    for number in 3..=5 {
        assert_eq!(queue.status(JobId([number; 16])).await, Ok(None), "{number} is never sent");
    }
    assert_eq!(queue.depth().await.unwrap().ready, 3);
}

#[tokio::test]
async fn who_has_little_time_is_told_what_may_have_been_done() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let (queue, new) = (open(&server.url()), open(&server.url()));
    assert_eq!(enqueue(&queue, 1).await, Ok(false));
    server.pause();
    // The system takes what is written, and the server reads it when it goes on.
    let unknown = enqueue_within(&queue, 2, 3000).await;
    assert!(matches!(unknown, Err(EnqueueError::Unknown { .. })), "{unknown:?}");
    // One waits behind that, and the other for a connection.
    for (number, queue) in [(3, &queue), (4, &new)] {
        let refused = enqueue_within(queue, number, 500).await;
        assert!(matches!(refused, Err(EnqueueError::Unavailable { .. })), "{number}: {refused:?}");
    }
    server.resume();
    enqueue_within(&queue, 2, 20_000).await.unwrap();
    assert_eq!(enqueue_within(&new, 5, 20_000).await, Ok(false));
    for number in 3..=4 {
        assert_eq!(queue.status(JobId([number; 16])).await, Ok(None), "{number} is never sent");
    }
    assert_eq!(queue.depth().await.unwrap().ready, 3);
}

/// The lease is 30 s; so long the store may keep what it gave.
#[tokio::test]
async fn who_leaves_does_not_wait_for_a_server_that_says_nothing() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let options = QueueOptions { attempts: 2, ..QueueOptions::default() };
    let queue = backend(&server.url()).open(name("resize"), options);
    assert_eq!(enqueue(&queue, 1).await, Ok(false));
    server.pause();
    // The question is on its way, and its answer never comes.
    let asked = tokio::time::timeout(Duration::from_millis(200), queue.lease("pod-1#1", 1)).await;
    assert!(asked.is_err(), "the server is paused");
    let left = tokio::time::timeout(Duration::from_secs(20), queue.handed_back()).await;
    assert!(left.is_ok(), "it waits for as long as the lease");
    server.resume();
    // Whoever is still there gives it back all the same.
    let again = lease(&queue).await;
    assert!(again.id == JobId([1; 16]) && !again.is_last, "no attempt is used up: {again:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_leaves_it_unknown() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url());
    assert_eq!(enqueue(&queue, 1).await, Ok(false));
    server.pause();
    let unknown = enqueue(&queue, 2).await;
    assert!(matches!(unknown, Err(EnqueueError::Unknown { .. })), "{unknown:?}");
    server.resume();
    // Asked again with the same id, there is one, whatever became of the first.
    enqueue(&queue, 2).await.unwrap();
    let first = lease(&queue).await;
    let second = lease(&queue).await;
    assert_eq!((first.id, second.id), (JobId([1; 16]), JobId([2; 16])));
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.running), (0, 2));
}

#[tokio::test]
async fn a_killed_server_keeps_its_jobs_and_everybody_goes_on() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(&[]).await;
    let queue = open(&server.url());
    let waiting = open(&server.url());
    assert_eq!(enqueue(&queue, 1).await, Ok(false));
    let running = lease(&queue).await;
    let consumer = tokio::spawn(async move { (lease(&waiting).await, waiting) });
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.kill();
    // Sent while it is away, done when it is back: no call is told of such a moment.
    let during = {
        let queue = queue.clone();
        tokio::spawn(async move { enqueue(&queue, 2).await })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.restart().await;
    assert_eq!(during.await.unwrap(), Ok(false));
    let (second, waiting) = consumer.await.unwrap();
    assert_eq!(second.id, JobId([2; 16]));
    finish(&queue, &running).await;
    finish(&waiting, &second).await;
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.live(), depth.done, depth.retried), (0, 2, 0));
}

#[tokio::test]
async fn a_full_server_refuses_jobs_and_lets_others_end() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url());
    for number in 1..=3 {
        assert_eq!(enqueue(&queue, number).await, Ok(false));
    }
    let first = lease(&queue).await;
    assert!(server.cli(&["CONFIG", "SET", "maxmemory", "1"]).contains("OK"));
    let refused = enqueue(&queue, 4).await;
    assert!(matches!(refused, Err(EnqueueError::Unavailable { .. })), "{refused:?}");
    finish(&queue, &first).await;
    let second = lease(&queue).await;
    finish(&queue, &second).await;
    let third = lease(&queue).await;
    let renewed = queue.renew(&[third.token()]).await;
    assert_eq!(renewed, [Ok(())], "who holds a job keeps it");
    let retry = JobEnd::Retry { error: "busy".to_owned(), after: Some(Duration::ZERO) };
    let retried = queue.finish(third.token(), retry).await;
    assert_eq!(retried, Ok(Finished::Retried { delay: Duration::ZERO }));
    assert_eq!(lease(&queue).await.id, third.id);
    assert_eq!(queue.status(JobId([4; 16])).await, Ok(None), "nothing is half stored");
    assert!(server.cli(&["CONFIG", "SET", "maxmemory", "0"]).contains("OK"));
    assert_eq!(enqueue(&queue, 4).await, Ok(false));
    assert_eq!(lease(&queue).await.id, JobId([4; 16]));
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url());
    for number in 1..=3 {
        assert!(server.cli(&["SCRIPT", "FLUSH"]).contains("OK"));
        assert_eq!(enqueue(&queue, number).await, Ok(false));
        assert!(server.cli(&["SCRIPT", "FLUSH"]).contains("OK"));
        let taken = lease(&queue).await;
        finish(&queue, &taken).await;
    }
}

#[tokio::test]
async fn a_replica_is_not_written_to() {
    if !is_installed() {
        return;
    }
    let (server, other) = (Server::start(&[]).await, Server::start(&[]).await);
    let queue = open(&server.url());
    assert_eq!(enqueue(&queue, 1).await, Ok(false));
    let port = other.port.to_string();
    assert!(server.cli(&["REPLICAOF", "127.0.0.1", &port]).contains("OK"));
    let refused = enqueue(&queue, 2).await;
    assert!(matches!(refused, Err(EnqueueError::Unavailable { .. })), "{refused:?}");
    assert!(server.cli(&["REPLICAOF", "NO", "ONE"]).contains("OK"));
    assert_eq!(enqueue(&queue, 2).await, Ok(false));
}

#[tokio::test]
async fn a_password_is_used_and_never_shown() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&["--requirepass", "hunter2"]).await;
    let right = format!("redis://:hunter2@127.0.0.1:{}", server.port);
    let queue = open(&right);
    assert_eq!(enqueue(&queue, 1).await, Ok(false));
    assert_eq!(lease(&queue).await.id, JobId([1; 16]));
    let wrong = format!("redis://:hunter3@127.0.0.1:{}", server.port);
    let refused = enqueue(&open(&wrong), 2).await;
    assert!(matches!(refused, Err(EnqueueError::Unavailable { .. })), "{refused:?}");
    let shown = format!("{:?} {refused:?}", backend(&wrong));
    assert!(!shown.contains("hunter"), "{shown}");
}

#[tokio::test]
async fn what_could_be_lost_is_told() {
    if !is_installed() {
        return;
    }
    let safe = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let sentences = backend(&safe.url()).check().await.unwrap();
    assert!(sentences.is_empty(), "{sentences:?}");
    assert!(safe.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).contains("OK"));
    assert!(safe.cli(&["CONFIG", "SET", "appendonly", "no"]).contains("OK"));
    let sentences = backend(&safe.url()).check().await.unwrap();
    let text = sentences.join("\n");
    assert!(text.contains("noeviction") && text.contains("loses all jobs"), "{text}");
    let mute = Server::start(&["--rename-command", "CONFIG", ""]).await;
    let text = backend(&mute.url()).check().await.unwrap().join("\n");
    assert!(text.contains("CONFIG is forbidden"), "{text}");
}

#[tokio::test]
async fn an_outage_in_the_middle_of_a_check_is_said_to_be_one() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let proxy = Proxy::start(server.port).await;
    proxy.shut_after("redis_version");
    let checked = backend(&format!("redis://127.0.0.1:{}", proxy.port)).check().await;
    assert!(checked.is_err(), "{checked:?}");
    proxy.open();
}

#[tokio::test]
async fn idle_queues_cost_the_server_little() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let backend = backend(&server.url());
    let consumers: Vec<_> = (0..20)
        .map(|number| {
            let queue = backend.open(name(&format!("idle{number}")), QueueOptions::default());
            tokio::spawn(async move { queue.lease("pod-2#7", 64).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (from, began) = (commands(&server), tokio::time::Instant::now());
    tokio::time::sleep(Duration::from_secs(6)).await;
    let a_second = (commands(&server) - from) as f64 / began.elapsed().as_secs_f64();
    println!("{a_second:.1} commands/s of 20 idle queues");
    assert!(a_second < 50.0, "{a_second} commands/s");
    consumers.iter().for_each(|consumer| consumer.abort());
}

/// Commands that a server has run, those in scripts included.
fn commands(server: &Server) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let calls = |line: &str| {
        let calls = line.split_once("calls=")?.1.split(',').next()?;
        calls.parse::<u64>().ok()
    };
    stats.lines().filter_map(calls).sum()
}

#[tokio::test]
async fn the_length_in_the_server_is_what_waits_and_runs() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url());
    let jobs = (1..=64).map(job).collect();
    assert!(queue.enqueue(jobs).await.iter().all(Result::is_ok));
    let busy = lease(&queue).await;
    let key = format!("meshwork:{}:{{thumbnailer.resize}}:wait2", MeshId([1; 16]));
    let length = || server.cli(&["XLEN", &key]).trim().to_owned();
    assert_eq!(length(), "64", "one runs, the others wait");
    assert_eq!(queue.depth().await.unwrap().ready, 63);
    let mut left = 63;
    while left > 0 {
        let leases = queue.lease("pod-2#7", 20).await;
        left -= leases.len();
        for lease in &leases {
            finish(&queue, lease).await;
        }
    }
    assert_eq!(length(), "1", "a busy handler does not hold the others up");
    finish(&queue, &busy).await;
    assert_eq!(length(), "0");
}

#[tokio::test]
async fn what_nobody_enqueued_never_runs() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url());
    assert_eq!(enqueue(&queue, 1).await, Ok(false));
    let base = format!("meshwork:{}:{{thumbnailer.resize}}:", MeshId([1; 16]));
    let key = |name: &str| format!("{base}{name}");
    server.cli(&["XADD", &key("wait2"), "*", "j", "a job of somebody else, by hand"]);
    // With a record too: its bytes mean nothing.
    let forged = server.cli(&["XADD", &key("wait2"), "*", "j", "0123456789abcdefnonsense"]);
    let record = format!("w2 0 600 0 0 {}", forged.trim());
    server.cli(&["HSET", &key("jobs"), "0123456789abcdef", &record]);
    // One more than is waited for: the queue takes the forged one for one of those it counted.
    for number in 2..=3 {
        assert_eq!(enqueue(&queue, number).await, Ok(false));
    }
    for number in 1..=2 {
        let taken = lease(&queue).await;
        assert_eq!(taken.id, JobId([number; 16]));
        finish(&queue, &taken).await;
    }
    let dead = queue.peek(Section::Dead, None, 10).await.unwrap();
    assert_eq!(dead.len(), 2, "{dead:?}");
    for dead in dead {
        let letter = queue.dead_letter(dead.id).await.unwrap().unwrap();
        assert_eq!((letter.job.codec, letter.history.len()), (Codec::Raw, 1));
        let status = queue.status(dead.id).await.unwrap();
        assert!(matches!(status, Some(JobStatus::Dead { .. })), "{status:?}");
    }
    assert_eq!(queue.purge(Section::Dead, 10).await, Ok(2));
}

#[tokio::test]
async fn meshes_and_prefixes_are_apart() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    let queue = open(&server.url());
    let other = open(&format!("{}?prefix=other", server.url()));
    assert_eq!(enqueue(&queue, 1).await, Ok(false));
    assert_eq!(other.status(JobId([1; 16])).await, Ok(None));
    let other_mesh =
        RedisBackend::new(&server.url().parse().unwrap(), MeshId([2; 16]), Random::system());
    assert_eq!(other_mesh.unwrap().list().await, Ok(Vec::new()));
    assert_eq!(backend(&server.url()).list().await, Ok(vec![name("resize")]));
}
