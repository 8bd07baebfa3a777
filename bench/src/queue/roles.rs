//! What the processes do that measure our own queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use meshwork_bench_harness::jobs::{AT_ONCE, Counter, Produced, Watch, produce, unix_us};
use meshwork_worker::{Context, JobEventKind, Worker};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::arguments::{Role, RoleArguments};
use super::latency::{Pings, Starts};
use super::million::Ran;
use super::{bare, memory, mesh};
use crate::{Outcome, child};

/// Enqueues that the filler has under way at once.
const FILL_AT_ONCE: usize = 1000;

/// The wait between two jobs of the pacer.
const PACE: Duration = Duration::from_millis(5);

/// Largest latency that is told from larger ones, microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

/// How often a worker looks whether it has something to say.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Plays a role until the process that started this one is gone.
///
/// # Errors
/// What it talks with is not there or went away.
pub(crate) fn run(arguments: &RoleArguments) -> Outcome {
    child::end_with_parent();
    child::runtime()?.block_on(async {
        match arguments.role {
            Role::Master => mesh::serve().await?,
            Role::Producer => producer(arguments).await?,
            Role::Counted => counted(arguments, AT_ONCE).await?,
            Role::Filler => counted(arguments, FILL_AT_ONCE).await?,
            Role::Pacer => pacer(arguments).await?,
            Role::Worker => worker(arguments).await?,
            Role::LimitedWorker => limited_worker(arguments).await?,
            Role::StampWorker => stamp_worker(arguments).await?,
            Role::Idler => {
                let _idler = mesh::idler(&arguments.master, &arguments.queue).start().await?;
                child::say(&true)?;
                std::future::pending().await
            }
            Role::BareProducer => {
                bare::producer(&arguments.queue, arguments.seconds, arguments.at_once)?;
            }
            Role::BareWorker => bare::worker(&arguments.queue, arguments.at_once)?,
            Role::Memory => memory::backend(arguments.seconds).await?,
            Role::MemoryWorker => memory::workers(arguments.seconds).await?,
        }
        // Its processor time is read when all others have said their word.
        std::future::pending().await
    })
}

async fn joined(arguments: &RoleArguments) -> Outcome<Worker> {
    Ok(mesh::worker("producer", &arguments.master, &arguments.queue).start().await?)
}

async fn producer(arguments: &RoleArguments) -> Outcome {
    let worker = joined(arguments).await?;
    let window = Duration::try_from_secs_f64(arguments.seconds)?;
    let enqueue = move || {
        let worker = worker.clone();
        async move { store(&worker).await }
    };
    child::say(&produce(window, enqueue).await?)
}

/// Stores one job.
pub(crate) async fn store(worker: &Worker) -> bool {
    worker.enqueue_raw("runner", "run", Bytes::from_static(&mesh::PAYLOAD)).await.is_ok()
}

/// Stores so many jobs, one call each.
async fn counted(arguments: &RoleArguments, at_once: usize) -> Outcome {
    let worker = joined(arguments).await?;
    child::say(&true)?;
    let (began_us, each) = (unix_us(), arguments.jobs / at_once as u64);
    let mut callers = JoinSet::new();
    for _ in 0..at_once {
        let worker = worker.clone();
        callers.spawn(async move {
            let mut stored = 0;
            for _ in 0..each {
                stored += u64::from(store(&worker).await);
            }
            stored
        });
    }
    let jobs = callers.join_all().await.into_iter().sum();
    child::say(&Produced {
        warm_up: 0,
        jobs,
        began_us,
        ended_us: unix_us(),
        failed: each * at_once as u64 - jobs,
    })
}

/// One job at a time, each with the time at which it was enqueued, and a bare round trip before.
async fn pacer(arguments: &RoleArguments) -> Outcome {
    let worker = joined(arguments).await?;
    let client = redis::Client::open(arguments.queue.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let mut pings = Histogram::<u64>::new_with_max(LATENCY_US_MAX, 3)?;
    child::say(&true)?;
    let until = Instant::now() + Duration::try_from_secs_f64(arguments.seconds)?;
    let mut jobs = 0;
    while Instant::now() < until {
        sleep(PACE).await;
        let asked = Instant::now();
        redis::cmd("PING").query_async::<String>(&mut connection).await?;
        pings.saturating_record(asked.elapsed().as_micros() as u64);
        sleep(PACE).await;
        let stamp = Bytes::copy_from_slice(&unix_us().to_be_bytes());
        jobs += u64::from(worker.enqueue_raw("runner", "run", stamp).await.is_ok());
    }
    let us = |quantile| pings.value_at_quantile(quantile) as f64;
    child::say(&Pings { p50_us: us(0.5), p99_us: us(0.99), jobs })
}

/// A worker that does nothing with its jobs but `see` their arguments; `counter` counts them when
/// their end is stored.
async fn running(
    arguments: &RoleArguments,
    counter: &Arc<Counter>,
    see: impl Fn(&Bytes) + Clone + Send + Sync + 'static,
) -> Outcome<Worker> {
    let counter = counter.clone();
    let builder = mesh::worker("runner", &arguments.master, &arguments.queue)
        .on_job(move |event| {
            if matches!(event.what, JobEventKind::Done) {
                counter.done();
            }
        })
        .handle_raw("run", move |_: Context, bytes: Bytes| {
            see(&bytes);
            async move { Ok(Bytes::new()) }
        });
    let worker = builder.start().await?;
    child::say(&true)?;
    Ok(worker)
}

async fn worker(arguments: &RoleArguments) -> Outcome {
    let counter = Arc::new(Counter::default());
    let _worker = running(arguments, &counter, |_| {}).await?;
    counter.tell().await
}

/// Says once that it has run so many.
async fn limited_worker(arguments: &RoleArguments) -> Outcome {
    let counter = Arc::new(Counter::default());
    let began_us = Arc::new(AtomicU64::new(0));
    let began = began_us.clone();
    let see = move |_: &Bytes| {
        if began.load(Ordering::Relaxed) == 0 {
            began.store(unix_us(), Ordering::Relaxed);
        }
    };
    let _worker = running(arguments, &counter, see).await?;
    // Callers are so many at once: what does not divide by that is not stored.
    let wanted = arguments.jobs / AT_ONCE as u64 * AT_ONCE as u64;
    while counter.jobs() < wanted {
        sleep(LOOK_EVERY).await;
    }
    let (jobs, began_us) = (counter.jobs(), began_us.load(Ordering::Relaxed));
    child::say(&Ran { jobs, began_us, ended_us: unix_us() })
}

/// Says how long its jobs were on the way, whenever none came for a while.
async fn stamp_worker(arguments: &RoleArguments) -> Outcome {
    let counter = Arc::new(Counter::default());
    let starts = Arc::new(Mutex::new(Histogram::<u64>::new_with_max(LATENCY_US_MAX, 3)?));
    let seen = starts.clone();
    let see = move |bytes: &Bytes| {
        let stamp = bytes.as_ref().try_into().map_or(0, u64::from_be_bytes);
        let mut starts = seen.lock().unwrap_or_else(PoisonError::into_inner);
        starts.saturating_record(unix_us().saturating_sub(stamp));
    };
    let _worker = running(arguments, &counter, see).await?;
    let mut watch = Watch::default();
    loop {
        let jobs = watch.idle(&counter).await.jobs;
        let starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
        let us = |quantile| starts.value_at_quantile(quantile) as f64;
        child::say(&Starts { p50_us: us(0.5), p99_us: us(0.99), jobs })?;
    }
}
