//! How many jobs a second go through Redis: enqueue, lease, finish, beside bare streams.
//!
//! `cargo run --release -p meshwork-queue --features redis --example redis_rate -- redis://host`
//! with a server that may be filled, and whose settings are those to be measured. Further
//! arguments: jobs (200 000), callers at once (64), bytes of a job (64), jobs that wait meanwhile
//! (0).

// A probe may panic: there is nobody to answer to.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use meshwork_queue::{
    JobEnd, NewJob, Queue, QueueBackend, QueueLimits, QueueName, QueueOptions, RedisBackend, Start,
};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::{JobId, MeshId};
use meshwork_shared::random::Random;
use redis::{Client, Value};
use tokio::time::Instant;

#[derive(Clone, Copy)]
struct Load {
    jobs: usize,
    at_once: usize,
    bytes: usize,
    waiting: usize,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let url = words.first().cloned().unwrap_or_else(|| "redis://127.0.0.1".to_owned());
    let number = |at: usize, default: usize| {
        words.get(at).map_or(default, |word| word.parse().expect("a number"))
    };
    let load = Load {
        jobs: number(1, 200_000),
        at_once: number(2, 64),
        bytes: number(3, 64),
        waiting: number(4, 0),
    };
    let bare = bare(&url, load);
    println!("bare XADD, XREADGROUP, XACK: {bare:.0} jobs/s");
    let queue = queue(&url, load);
    println!("queue: {queue:.0} jobs/s, {:.2} of it", queue / bare);
}

fn on_thread<F: Future<Output = ()> + 'static>(
    work: impl FnOnce() -> F + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(work());
    })
}

fn per_second(jobs: usize, took: Duration) -> f64 {
    jobs as f64 / took.as_secs_f64()
}

/// What the server does for a queue at least: pipelines of 64, one connection each side.
fn bare(url: &str, load: Load) -> f64 {
    const KEY: &str = "bare";
    let client = Client::open(url).unwrap();
    let mut setup = client.get_connection().unwrap();
    let _: Value = redis::cmd("DEL").arg(KEY).query(&mut setup).unwrap();
    let mut create = redis::cmd("XGROUP");
    create.arg("CREATE").arg(KEY).arg("g").arg("0").arg("MKSTREAM");
    let _: Value = create.query(&mut setup).unwrap();
    let began = Instant::now();
    let mut producer = client.get_connection().unwrap();
    let writing = thread::spawn(move || {
        let body = vec![b'x'; load.bytes];
        for _ in 0..load.jobs / 64 {
            let mut pipe = redis::pipe();
            for _ in 0..64 {
                pipe.cmd("XADD").arg(KEY).arg("*").arg("j").arg(&body).ignore();
            }
            pipe.query::<()>(&mut producer).unwrap();
        }
    });
    let mut consumer = client.get_connection().unwrap();
    let mut seen = 0;
    while seen < load.jobs / 64 * 64 {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg("g").arg("c").arg("COUNT").arg(64).arg("BLOCK").arg(1000);
        read.arg("STREAMS").arg(KEY).arg(">");
        let Value::Array(streams) = read.query::<Value>(&mut consumer).unwrap() else { continue };
        let Value::Array(stream) = &streams[0] else { continue };
        let Value::Array(entries) = &stream[1] else { continue };
        let mut ack = redis::cmd("XACK");
        ack.arg(KEY).arg("g");
        for entry in entries {
            let Value::Array(entry) = entry else { continue };
            let Value::BulkString(id) = &entry[0] else { continue };
            ack.arg(id);
        }
        seen += entries.len();
        let _: Value = ack.query(&mut consumer).unwrap();
    }
    writing.join().unwrap();
    let took = began.elapsed();
    let _: Value = redis::cmd("DEL").arg(KEY).query(&mut setup).unwrap();
    per_second(load.jobs, took)
}

fn open(url: &str, random: &Random) -> Arc<dyn Queue> {
    let url = url.parse().expect("an address");
    let backend = RedisBackend::new(&url, MeshId([2; 16]), random.clone()).expect("it opens");
    let name = QueueName::balanced("probe".parse().unwrap(), "run".parse().unwrap());
    let limits = QueueLimits { jobs_max: 10_000_000, bytes_max: 16 << 30, ..Default::default() };
    let done_kept = Duration::from_secs(60);
    backend.open(name, QueueOptions { limits, done_kept, ..QueueOptions::default() })
}

fn job(random: &Random, bytes: usize) -> NewJob {
    let id = JobId(random.bytes());
    let (caller, variant) = ("probe".parse().unwrap(), "pod-1".parse().unwrap());
    NewJob::new(id, caller, variant, Codec::Raw, vec![b'x'; bytes])
}

fn queue(url: &str, load: Load) -> f64 {
    let random = Random::seeded(0x5eed ^ u64::from(std::process::id()));
    if load.waiting > 0 {
        fill(url, &random, load);
    }
    let began = Instant::now();
    let producing = {
        let (url, random) = (url.to_owned(), random.clone());
        on_thread(move || async move {
            let queue = open(&url, &random);
            let mut calls = FuturesUnordered::new();
            let mut left = load.jobs;
            while left > 0 || !calls.is_empty() {
                while left > 0 && calls.len() < load.at_once {
                    left -= 1;
                    calls.push(queue.enqueue(vec![job(&random, load.bytes)]));
                }
                let stored = calls.next().await.unwrap();
                assert!(stored.iter().all(Result::is_ok), "{stored:?}");
            }
        })
    };
    let consuming = {
        let (url, random) = (url.to_owned(), random.clone());
        on_thread(move || async move { consume(&*open(&url, &random), load).await })
    };
    producing.join().unwrap();
    let stored = began.elapsed();
    consuming.join().unwrap();
    let took = began.elapsed();
    println!("queue: enqueue alone ended after {stored:.2?}, all after {took:.2?}");
    per_second(load.jobs, took)
}

/// Slots that refill one by one, as a worker's do.
async fn consume(queue: &dyn Queue, load: Load) {
    let done = AtomicUsize::new(0);
    let mut running = FuturesUnordered::new();
    let mut leasing = queue.lease("probe#1", load.at_once);
    while done.load(Ordering::Relaxed) < load.jobs {
        tokio::select! {
            leases = &mut leasing, if running.len() < 2 * load.at_once => {
                for lease in leases {
                    running.push(queue.finish(lease.token(), JobEnd::Done { reply: None }));
                }
                leasing = queue.lease("probe#1", load.at_once);
            }
            Some(finished) = running.next() => {
                assert!(finished.is_ok(), "{finished:?}");
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Puts jobs into the queue that are behind all others.
fn fill(url: &str, random: &Random, load: Load) {
    let (url, random) = (url.to_owned(), random.clone());
    let began = Instant::now();
    let filling = on_thread(move || async move {
        let queue = open(&url, &random);
        for _ in 0..load.waiting / 1000 {
            let low = |mut job: NewJob| {
                job.priority = meshwork_queue::Priority::Low;
                job.start = Start::Now;
                job
            };
            let jobs = (0..1000).map(|_| low(job(&random, load.bytes))).collect();
            assert!(queue.enqueue(jobs).await.iter().all(Result::is_ok));
        }
    });
    filling.join().unwrap();
    println!("{} jobs stored before, in {:.2?}", load.waiting, began.elapsed());
}
