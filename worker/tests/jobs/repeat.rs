//! Commands that run by themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_shared::clock::Clock;

use super::*;

const SCHEMA: &str = r#"
[press]
[press._commands._balanced]
tick = { queued = true, every = "1s" }
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

#[tokio::test]
async fn each_due_time_has_one_job_however_many_instances_with_whatever_clocks() {
    for kind in shared_kinds() {
        let site = Site::with(kind, SCHEMA).await;
        let ran = Arc::new(Mutex::new(Vec::new()));
        let mut workers = Vec::new();
        for (number, by_ms) in [-1000, -500, 0, 400, 1000].into_iter().enumerate() {
            let ran = ran.clone();
            let worker = site.worker("press").variant(format!("p{number}")).clock(clock(by_ms));
            let worker = worker.handle(move |context: Context, _: Tick| {
                let job = context.job().unwrap().id();
                let now = Clock::system().unix_ms();
                ran.lock().unwrap().push((now, job, context.caller().worker.to_string()));
                async { Ok(()) }
            });
            workers.push(worker.start().await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(5600)).await;
        let ran = ran.lock().unwrap().clone();
        assert!(ran.iter().all(|(_, _, caller)| caller == "press"));
        // None runs before its time, so that each second has its own.
        let mut by_second: BTreeMap<u64, usize> = BTreeMap::new();
        for (at, _, _) in &ran {
            *by_second.entry(at / 1000).or_default() += 1;
        }
        // The first due time of a clock that is behind may come a second late.
        by_second.pop_first();
        assert!(by_second.values().all(|count| *count == 1), "{kind:?}: {by_second:?}");
        assert!(by_second.len() >= 4, "{kind:?}: {by_second:?}");
        let (first, last) = (by_second.first_key_value(), by_second.last_key_value());
        let span = last.unwrap().0 - first.unwrap().0 + 1;
        assert_eq!(span as usize, by_second.len(), "{kind:?}, none is left out: {by_second:?}");
    }
}

#[tokio::test]
async fn each_time_of_a_cron_has_one_job_with_clocks_that_differ_by_seconds() {
    futures_util::future::join_all(shared_kinds().into_iter().map(one_minute_has_one_job)).await;
}

/// Five instances go over a full minute, each at its own time.
async fn one_minute_has_one_job(kind: Kind) {
    let site = Site::with(kind, CRON).await;
    let ran = Arc::new(Mutex::new(Vec::new()));
    // All clocks are put back to shortly before the last full minute: nobody waits for the next.
    let before = 8_000;
    let back = (Clock::system().unix_ms() % 60_000 + before) as i64;
    let mut workers = Vec::new();
    for (number, by_ms) in [-2000, -900, 0, 1100, 2000].into_iter().enumerate() {
        let ran = ran.clone();
        let worker = site.worker("press").variant(format!("p{number}")).clock(clock(by_ms - back));
        let worker = worker.handle(move |context: Context, _: Tick| {
            let caller = context.caller().worker.to_string();
            ran.lock().unwrap().push((context.worker().identity().variant.to_string(), caller));
            async { Ok(()) }
        });
        workers.push(worker.start().await.unwrap());
    }
    // Until the slowest clock is past the minute too.
    tokio::time::sleep(Duration::from_millis(before + 4000)).await;
    let ran = ran.lock().unwrap().clone();
    let [(_, caller)] = ran.as_slice() else { panic!("{kind:?}: one run, not {ran:?}") };
    assert_eq!(caller, "press", "{kind:?}");
}
