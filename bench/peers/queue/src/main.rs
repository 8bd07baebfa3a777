//! apalis with its storage in Redis as the benchmark of queues starts it: `produce URL SECONDS`
//! enqueues, `work URL` runs. As its documentation has it, but for 64 jobs at once and a look every
//! 10 ms: as it comes it looks for jobs so seldom that a figure would say nothing of its speed.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{BackendExt, BoxDynError, Data, TaskSink, WorkerBuilder, WorkerBuilderExt};
use apalis_redis::{Config, RedisStorage, connect};
use meshwork_bench_harness::jobs::{AT_ONCE, Counter, produce};
use meshwork_bench_harness::{Outcome, child};
use serde::{Deserialize, Serialize};

/// How often it looks for jobs.
const POLL_EVERY: Duration = Duration::from_millis(10);

/// The queue.
const QUEUE: &str = "run";

/// A job of 64 bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    payload: String,
}

fn main() -> ExitCode {
    child::end_with_parent();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = child::runtime().map_err(Into::into).and_then(|runtime| match words[..] {
        ["produce", url, seconds] => runtime.block_on(producer(url, seconds)),
        ["work", url, ..] => runtime.block_on(worker(url)),
        _ => Err("it is started by `cargo xtask bench queue --peers`".into()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meshwork-bench-queue-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn storage(url: &str) -> Outcome<RedisStorage<Job>> {
    let config = Config::default().queue(QUEUE).batch_size(AT_ONCE);
    Ok(RedisStorage::new(connect(url).await?).with_config(config))
}

async fn producer(url: &str, seconds: &str) -> Outcome {
    let storage = storage(url).await?;
    let enqueue = move || {
        let mut storage = storage.clone();
        async move { storage.push(Job { payload: "x".repeat(64) }).await.is_ok() }
    };
    let window = Duration::try_from_secs_f64(seconds.parse()?)?;
    child::say(&produce(window, enqueue).await?)?;
    std::future::pending().await
}

async fn run(_: Job, counter: Data<Arc<Counter>>) -> Result<(), BoxDynError> {
    counter.done();
    Ok(())
}

async fn worker(url: &str) -> Outcome {
    let counter = Arc::new(Counter::default());
    let backend = storage(url).await?.poll_with_interval(POLL_EVERY);
    let worker = WorkerBuilder::new("one")
        .backend(backend)
        .data(counter.clone())
        .concurrency(AT_ONCE)
        .build(run);
    child::say(&true)?;
    tokio::select! {
        biased;
        told = counter.tell() => told,
        ended = worker.run() => Err(format!("the worker ended: {ended:?}").into()),
    }
}
