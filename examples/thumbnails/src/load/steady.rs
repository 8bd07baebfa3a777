//! So many calls and jobs each second, whatever becomes of them; a bounded number at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use meshwork_worker::Worker;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::figures::{Figures, Kind, Line};
use super::plan::{Bounds, Orders, Rates};
use super::work;
use crate::gateway::peers;

/// How often it is told how it stands.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What is under way, and room for more.
struct Room {
    calls: Arc<Semaphore>,
    jobs: Arc<Semaphore>,
}

/// Keeps the load up until `end`, then waits for what is under way; `tell` gets a line each second
/// and the last one. The last one is given back.
pub async fn run(
    worker: &Worker,
    orders: &Orders,
    rates: Rates,
    bounds: Bounds,
    end: impl Future<Output = ()>,
    mut tell: impl FnMut(&Line),
) -> Line {
    let figures = Figures::default();
    let room = Room {
        calls: Arc::new(Semaphore::new(bounds.calls_max)),
        jobs: Arc::new(Semaphore::new(bounds.jobs_max)),
    };
    let mut second = 0;
    let told = async {
        let mut ticks = interval(TOLD_EVERY);
        loop {
            ticks.tick().await;
            tell(&figures.line(second, false, peers::linked_names(worker)));
            second += 1;
        }
    };
    let load = async {
        tokio::join!(
            each(rates.resize, |nth| start_call(
                worker,
                &figures,
                &room,
                Kind::Resize,
                orders,
                nth
            )),
            each(rates.print, |nth| start_call(worker, &figures, &room, Kind::Print, orders, nth)),
            each(rates.preview, |nth| start_job(worker, &figures, &room, orders, nth)),
        );
    };
    let settled = async {
        tokio::select! {
            biased;
            () = end => {}
            () = load => {}
        }
        let (calls, jobs) = (bounds.calls_max as u32, bounds.jobs_max as u32);
        let all = async {
            let _ = room.calls.acquire_many(calls).await;
            let _ = room.jobs.acquire_many(jobs).await;
        };
        // What is not over by then is in the last line as such.
        let _ = timeout(bounds.settle, all).await;
    };
    tokio::select! {
        biased;
        () = settled => {}
        () = told => {}
    }
    let last = figures.line(second, true, peers::linked_names(worker));
    tell(&last);
    last
}

/// Calls `start` with 0, 1, 2.. so often a second; never, if that is 0. It never ends.
async fn each(per_second: u32, start: impl Fn(u64)) {
    if per_second == 0 {
        return std::future::pending().await;
    }
    let mut ticks = interval(Duration::from_secs(1) / per_second);
    // After a pause of this process the load goes on; it does not make up for what was missed.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for nth in 0.. {
        ticks.tick().await;
        start(nth);
    }
}

fn start_call(
    worker: &Worker,
    figures: &Figures,
    room: &Room,
    kind: Kind,
    orders: &Orders,
    nth: u64,
) {
    let Ok(permit) = room.calls.clone().try_acquire_owned() else {
        return figures.call_held_back(kind);
    };
    let (worker, figures, order) = (worker.clone(), figures.clone(), orders.nth(nth));
    tokio::spawn(async move {
        work::call(&worker, &figures, kind, order).await;
        drop(permit);
    });
}

fn start_job(worker: &Worker, figures: &Figures, room: &Room, orders: &Orders, nth: u64) {
    let Ok(permit) = room.jobs.clone().try_acquire_owned() else {
        return figures.job_held_back();
    };
    let (worker, figures, order) = (worker.clone(), figures.clone(), orders.nth(nth));
    // The incarnation makes it a key of this run.
    let key = format!("{}-{nth}", worker.identity().incarnation);
    tokio::spawn(async move {
        work::job(&worker, &figures, key, order).await;
        drop(permit);
    });
}
