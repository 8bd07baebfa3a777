//! The same loop in the memory of one process, held to one core: by the backend alone, and through
//! two workers with a link between them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use meshwork_bench_harness::jobs::{AT_ONCE, Counter, WARM_UP};
use meshwork_queue::{
    FinishError, JobEnd, MemoryBackend, NewJob, Queue, QueueBackend, QueueName, QueueOptions,
};
use meshwork_schema::{Variant, WorkerName};
use meshwork_shared::clock::Clock;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use meshwork_shared::random::Random;
use meshwork_worker::{Context, JobEventKind};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::arguments::{QueueArguments, Role};
use super::measure::{Measure, Sample};

use super::mesh::{self, PAYLOAD};
use super::roles::store;
use super::site::Site;
use crate::process::cpu_time;
use crate::{Outcome, child};

/// How long a process may take beyond the time that is measured.
const MORE: Duration = Duration::from_secs(60);

/// How long a job that is done is remembered: what is remembered has a bound, and is at it soon.
const DONE_KEPT: Duration = Duration::from_secs(1);

/// Measures one of the two.
///
/// # Errors
/// The process failed.
pub(crate) fn sample(measure: Measure, arguments: &QueueArguments) -> Outcome<Sample> {
    let role = if measure == Measure::Memory { Role::Memory } else { Role::MemoryWorker };
    let seconds = Duration::try_from_secs_f64(arguments.seconds)?;
    let more = [("--seconds", arguments.seconds.to_string())];
    let mut process = Site::start(measure)?.role(role, &more)?;
    let [jobs_per_s, cpu_us]: [f64; 2] = process.line_within(seconds + MORE)?;
    Ok(Sample::from([("jobs_per_s", jobs_per_s), ("cpu_us_per_job", cpu_us)]))
}

/// Jobs per second of a window, and processor time for each in microseconds.
async fn window(counter: &Counter, seconds: f64) -> Outcome<[f64; 2]> {
    sleep(WARM_UP).await;
    let pid = std::process::id();
    let (began, jobs, cpu) = (Instant::now(), counter.jobs(), cpu_time(pid)?);
    sleep(Duration::try_from_secs_f64(seconds)?).await;
    let (took, jobs, cpu) = (began.elapsed(), counter.jobs() - jobs, cpu_time(pid)? - cpu);
    Ok([jobs as f64 / took.as_secs_f64(), cpu.as_secs_f64() * 1e6 / jobs.max(1) as f64])
}

/// The backend by itself: enqueued, leased, finished.
///
/// # Errors
/// A name is none; all are.
pub(crate) async fn backend(seconds: f64) -> Outcome {
    let random = Random::seeded(1);
    let backend = MemoryBackend::new(random.clone(), Clock::system());
    let name = QueueName::balanced("runner".parse()?, "run".parse()?);
    let queue = backend.open(name, QueueOptions { done_kept: DONE_KEPT, ..Default::default() });
    let counter = Arc::new(Counter::default());
    // Tasks of their own, as callers and the runner of a worker are.
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let caller = ("producer".parse()?, "pod-1".parse()?);
        tasks.spawn(produce(queue.clone(), random.clone(), caller));
    }
    tasks.spawn(consume(queue, counter.clone()));
    let measured = window(&counter, seconds).await?;
    tasks.shutdown().await;
    child::say(&measured)
}

/// Enqueues one job after the other; never ends.
async fn produce(queue: Arc<dyn Queue>, random: Random, (caller, variant): (WorkerName, Variant)) {
    let never = Instant::now() + MORE;
    loop {
        let (id, body) = (JobId(random.bytes()), Bytes::from_static(&PAYLOAD));
        let job = NewJob::new(id, caller.clone(), variant.clone(), Codec::Raw, body);
        // A full queue refuses; it is not full for long, for others have their turn.
        let _ = queue.enqueue_one(job, never).await;
        tokio::task::yield_now().await;
    }
}

/// Slots that refill one by one, as a worker's do; never ends.
async fn consume(queue: Arc<dyn Queue>, counter: Arc<Counter>) {
    let mut running = FuturesUnordered::new();
    let mut leasing = queue.lease("pod-2#1", AT_ONCE);
    loop {
        tokio::select! {
            biased;
            Some(finished) = running.next() => {
                let finished: Result<_, FinishError> = finished;
                if finished.is_ok() {
                    counter.done();
                }
            }
            leases = &mut leasing, if running.len() < AT_ONCE => {
                for lease in leases {
                    running.push(queue.finish(lease.token(), JobEnd::Done { reply: None }));
                }
                leasing = queue.lease("pod-2#1", AT_ONCE);
            }
        }
    }
}

/// Through two workers: each enqueue is a call over their link.
///
/// # Errors
/// One of them does not start.
pub(crate) async fn workers(seconds: f64) -> Outcome {
    let master = mesh::master().await?;
    let address = master.mesh_addr().to_string();
    let counter = Arc::new(Counter::default());
    let counting = counter.clone();
    let runner = mesh::worker("runner", &address, "memory")
        .on_job(move |event| {
            if matches!(event.what, JobEventKind::Done) {
                counting.done();
            }
        })
        .handle_raw("run", |_: Context, _: Bytes| async move { Ok(Bytes::new()) });
    let _runner = runner.start().await?;
    let producer = mesh::worker("producer", &address, "memory").start().await?;
    for _ in 0..AT_ONCE {
        let producer = producer.clone();
        tokio::spawn(async move {
            loop {
                if !store(&producer).await {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        });
    }
    child::say(&window(&counter, seconds).await?)
}
