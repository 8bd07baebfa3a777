//! How many jobs a second go through Redis: enqueue, lease, finish, beside bare streams.
//!
//! `cargo run --release -p meshwork-queue --features redis --example redis_rate -- redis://host`
//! with a server that may be filled, and whose settings are those to be measured. Further
//! arguments: jobs (200 000), callers at once (64), bytes of a job (64), jobs that wait meanwhile
//! (0), pairs of runs (3). With jobs that wait, the queue is measured without and with them.
//!
//! Each line says jobs a second, and microseconds of processor time for each job: of the server's
//! main thread, and of this process. The last lines are about an idle queue: how long after
//! [`Queue::enqueue`] was called a waiting consumer has the job, beside a bare round trip.

// A probe may panic: there is nobody to answer to.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
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
    let pairs = number(5, 3);
    let mut meter = Meter::new(&url);
    for _ in 0..pairs {
        let bare = meter.measure("bare streams", load.jobs, || bare(&url, load));
        let queue = meter.measure("queue", load.jobs, || queue(&url, load));
        println!("{:.2} of it", queue / bare);
    }
    if load.waiting > 0 {
        let empty = meter.measure("queue", load.jobs, || queue(&url, load));
        fill(&url, &Random::system(), load);
        for _ in 0..pairs {
            let full = meter.measure("queue, many waiting", load.jobs, || queue(&url, load));
            println!("{:.2} of it", full / empty);
        }
    }
    idle(&url);
}

/// Reads what time is spent by whom.
struct Meter {
    server: redis::Connection,
}

impl Meter {
    fn new(url: &str) -> Self {
        Self { server: Client::open(url).unwrap().get_connection().unwrap() }
    }

    /// Seconds that the server's main thread has worked.
    fn server_seconds(&mut self) -> f64 {
        let info: String = redis::cmd("INFO").arg("cpu").query(&mut self.server).unwrap();
        let of_main = |line: &&str| line.contains("main_thread");
        let seconds = info.lines().filter(of_main).filter_map(|line| line.split_once(':'));
        seconds.map(|(_, seconds)| seconds.trim().parse::<f64>().unwrap()).sum()
    }

    fn measure(&mut self, what: &str, jobs: usize, run: impl FnOnce() -> Duration) -> f64 {
        let (server, own) = (self.server_seconds(), own_seconds());
        let took = run();
        let of_job = |seconds: f64| 1e6 * seconds / jobs as f64;
        let (server, own) = (self.server_seconds() - server, own_seconds() - own);
        let rate = jobs as f64 / took.as_secs_f64();
        let resident = of_self("status", "VmRSS:").unwrap_or_default();
        println!(
            "{what}: {rate:.0} jobs/s; server {:.1} us, here {:.1} us for each; {resident} here",
            of_job(server),
            of_job(own),
        );
        rate
    }
}

/// Seconds that all threads of this process have worked, as Linux counts them.
fn own_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn of_self(file: &str, field: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix(field)?.trim().to_owned()))
}

fn on_thread<F: Future<Output = ()> + 'static>(
    work: impl FnOnce() -> F + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(work());
    })
}

/// What the server does for a queue at least: pipelines of 64, one connection each side.
fn bare(url: &str, load: Load) -> Duration {
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
    took
}

fn open(url: &str, random: &Random, command: &str) -> Arc<dyn Queue> {
    let url = url.parse().expect("an address");
    let backend = RedisBackend::new(&url, MeshId([2; 16]), random.clone()).expect("it opens");
    let name = QueueName::balanced("probe".parse().unwrap(), command.parse().unwrap());
    let limits = QueueLimits { jobs_max: 10_000_000, bytes_max: 16 << 30, ..Default::default() };
    let done_kept = Duration::from_secs(60);
    backend.open(name, QueueOptions { limits, done_kept, ..QueueOptions::default() })
}

fn job(random: &Random, bytes: usize) -> NewJob {
    let id = JobId(random.bytes());
    let (caller, variant) = ("probe".parse().unwrap(), "pod-1".parse().unwrap());
    NewJob::new(id, caller, variant, Codec::Raw, vec![b'x'; bytes])
}

fn queue(url: &str, load: Load) -> Duration {
    let random = Random::system();
    let began = Instant::now();
    let producing = {
        let (url, random) = (url.to_owned(), random.clone());
        on_thread(move || async move {
            let queue = open(&url, &random, "run");
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
        on_thread(move || async move { consume(&*open(&url, &random, "run"), load).await })
    };
    producing.join().unwrap();
    consuming.join().unwrap();
    began.elapsed()
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
        let queue = open(&url, &random, "run");
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

/// How soon a consumer that waits has a job, and how long a bare round trip takes.
fn idle(url: &str) {
    const ROUNDS: usize = 500;
    let own = url.to_owned();
    let probing = on_thread(move || async move {
        let random = Random::system();
        let (producer, consumer) = (open(&own, &random, "idle"), open(&own, &random, "idle"));
        let mut bare =
            Client::open(&*own).unwrap().get_multiplexed_async_connection().await.unwrap();
        let (mut starts, mut trips) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let _: Value = redis::cmd("PING").query_async(&mut bare).await.unwrap();
            trips.push(began.elapsed());
            let lease = consumer.lease("probe#1", 64);
            let store = async {
                // The consumer waits by then.
                tokio::time::sleep(Duration::from_millis(5)).await;
                let began = Instant::now();
                producer.enqueue(vec![job(&random, 64)]).await;
                began
            };
            let (leases, began) = join(async { (lease.await, Instant::now()) }, store).await;
            starts.push(leases.1 - began);
            for lease in leases.0 {
                let done = JobEnd::Done { reply: None };
                consumer.finish(lease.token(), done).await.unwrap();
            }
        }
        let middle = |times: &mut Vec<Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        let (start, trip) = (middle(&mut starts), middle(&mut trips));
        println!("idle: half of the jobs start within {start:.0?}; a round trip takes {trip:.0?}");
    });
    probing.join().unwrap();
}
