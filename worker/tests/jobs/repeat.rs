//! Commands that run by themselves.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::join_all;
use meshwork_queue::{Queue, QueueOptions};
use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;

use super::support::{eventually, soon};
use super::*;

const SCHEMA: &str = r#"
[press]
[press._commands._balanced]
tick = { queued = true, every = "1s", missed = "all" }
"#;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tick;
impl Command for Tick {
    const WORKER: &'static str = "press";
    const NAME: &'static str = "tick";
    type Reply = ();
}

const CRON: &str = r#"
[press]
[press._commands._balanced]
tick = { queued = true, cron = "* * * * *" }
"#;

/// The clock of the system, put forward or back.
fn clock(by_ms: i64) -> Clock {
    let system = Clock::system();
    Clock::from_fn(move || Duration::from_millis(system.unix_ms().saturating_add_signed(by_ms)))
}

/// Five members whose clocks differ so much.
async fn five(
    site: &Site,
    clocks: [Clock; 5],
    tick: impl Fn(&Context) + Clone + Send + Sync + 'static,
) -> Vec<Worker> {
    let mut workers = Vec::new();
    for (number, clock) in clocks.into_iter().enumerate() {
        let tick = tick.clone();
        let worker = site.worker("press").variant(format!("p{number}")).clock(clock);
        let worker = worker.handle(move |context: Context, _: Tick| {
            assert_eq!(context.caller().worker.as_str(), "press", "nobody else calls it");
            tick(&context);
            async { Ok(()) }
        });
        workers.push(worker.start().await.unwrap());
    }
    workers
}

/// The queue of the command, beside the members.
fn queue(site: &Site) -> Arc<dyn Queue> {
    if site.kind == Kind::Store {
        return site.store.queue("tick");
    }
    let mesh = site.mesh.secret.mesh_id();
    let backend = meshwork_queue::open(&site.address(), mesh, Random::system(), Clock::system());
    backend.unwrap().open(store::name("tick", None), QueueOptions::default())
}

/// How many jobs were stored until now, and the due time of the last one.
async fn stored(queue: &Arc<dyn Queue>) -> (u64, u64) {
    let count = async || {
        let depth = queue.depth().await.unwrap();
        assert_eq!((depth.retried, depth.dead), (0, 0), "each ran once: {depth:?}");
        depth.live() as u64 + depth.done
    };
    loop {
        let (before, last, after) = (count().await, queue.last_due().await.unwrap(), count().await);
        // Both belong together if none was stored meanwhile.
        if let Some(last) = last.filter(|_| before == after) {
            return (after, last);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_due_time_has_one_job_however_many_instances_with_whatever_clocks() {
    join_all(shared_kinds().into_iter().map(each_second_has_one_job)).await;
}

/// All that is checked is the same on a machine that stands still for a while: how many jobs there
/// are for the due times between two looks at the queue, and that none runs before its time.
async fn each_second_has_one_job(kind: Kind) {
    let site = Site::with(kind, SCHEMA).await;
    let ran = Arc::new(Mutex::new(Vec::new()));
    let noted = ran.clone();
    let workers = five(&site, [-1000, -500, 0, 400, 1000].map(clock), move |context| {
        noted.lock().unwrap().push((Clock::system().unix_ms(), context.job().unwrap().id()));
    })
    .await;
    let queue = queue(&site);
    // The first due time of a clock that is behind may be left out.
    let first = async {
        loop {
            let (count, last) = stored(&queue).await;
            if count >= 3 {
                return (count, last);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (first, first_due) = soon("three jobs", first).await;
    let wanted = first as usize + 4;
    eventually("four more ran", || ran.lock().unwrap().len() >= wanted).await;
    join_all(workers.iter().map(Worker::shutdown)).await;
    let (last, last_due) = stored(&queue).await;
    let seconds = (last_due - first_due) / 1000;
    assert_eq!(last - first, seconds, "{kind:?}: one job for each due time");

    let ran = ran.lock().unwrap().clone();
    let mut at: Vec<_> = ran.iter().map(|(at, _)| *at).collect();
    at.sort_unstable();
    // A file has no clock of its own: it goes by that of whoever asks.
    let ahead = if kind == Kind::File { 1000 } else { 0 };
    // Of those up to the first look the last was due then, and a second later the next.
    let due = |number: u64| first_due + (number - first) * 1000 - ahead;
    let early = at.iter().zip(1..).skip(first as usize).find(|(at, number)| **at < due(*number));
    assert_eq!(early, None, "{kind:?}: before its time, of {at:?}, {first} up to {first_due}");
    let jobs: BTreeSet<_> = ran.iter().map(|(_, job)| *job).collect();
    assert_eq!(jobs.len(), ran.len(), "{kind:?}: each ran once");
    assert_eq!(queue.depth().await.unwrap().done, ran.len() as u64, "{kind:?}");
}

#[tokio::test]
async fn each_time_of_a_cron_has_one_job_with_clocks_that_differ_by_seconds() {
    join_all(shared_kinds().into_iter().map(one_minute_has_one_job)).await;
}

/// Five instances go over a full minute, each at its own time.
async fn one_minute_has_one_job(kind: Kind) {
    let site = Site::with(kind, CRON).await;
    let ran = Arc::new(Mutex::new(Vec::new()));
    // All clocks are put back to shortly before the last full minute: nobody waits for the next.
    // They stand still until all instances are there, however long that takes.
    let before = 4000;
    let system = Clock::system();
    let still = system.unix_ms() / 60_000 * 60_000 - before;
    let go = Arc::new(OnceLock::new());
    let clocks = [-2000, -900, 0, 1100, 2000].map(|by_ms| {
        let (system, go) = (system.clone(), go.clone());
        Clock::from_fn(move || {
            let gone = go.get().map_or(0, |went| system.unix_ms().saturating_sub(*went));
            Duration::from_millis((still + gone).saturating_add_signed(by_ms))
        })
    });
    let noted = ran.clone();
    let _workers = five(&site, clocks, move |context| {
        noted.lock().unwrap().push(context.worker().identity().variant.to_string());
    })
    .await;
    go.set(system.unix_ms()).unwrap();
    eventually("the minute has its job", || !ran.lock().unwrap().is_empty()).await;
    // Until the slowest clock, four seconds behind the first, is past the minute too.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let ran = ran.lock().unwrap().clone();
    assert_eq!(ran.len(), 1, "{kind:?}: {ran:?}");
}
