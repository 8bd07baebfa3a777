//! Calls as programs make them: a worker in the client's process calls through the public interface
//! of the library.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshwork_worker::Worker;
use tokio::time::{Instant, sleep};

use crate::Outcome;
use crate::mesh::{self, Echo};
use crate::point::{LARGE_BYTES, Order, Payload, Point};
use crate::tally::Tally;
use crate::what::What;

/// How long the client waits for its links.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// How often it looks for them.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Joins the mesh, waits for a link to each instance, and sets the callers of a point going.
///
/// # Errors
/// It cannot join, or there are no such links.
pub(crate) async fn drive(
    master: &str,
    point: Point,
    tally: &Arc<Tally>,
    lanes: usize,
) -> Outcome<Worker> {
    let worker = mesh::worker("caller", master, lanes);
    let worker = if point.what == What::Plain { mesh::plain(worker) } else { worker };
    let worker = worker.start().await?;
    let instances = point.what.instances();
    let until = Instant::now() + READY_WITHIN;
    while worker.connected_peers().len() < instances {
        if Instant::now() > until {
            return Err(format!("not linked to {instances} instances in time").into());
        }
        sleep(LOOK_EVERY).await;
    }
    let body = point.payload.bytes();
    if point.what == What::Broadcast32 {
        for caller in 0..point.in_flight / instances {
            let (worker, body, tally) = (worker.clone(), body.clone(), tally.clone());
            tokio::spawn(broadcast(worker, caller, body, tally));
        }
        return Ok(worker);
    }
    for caller in 0..point.in_flight {
        let (worker, tally) = (worker.clone(), tally.clone());
        match point.payload {
            Payload::Raw(_) => drop(tokio::spawn(call_raw(worker, caller, body.clone(), tally))),
            Payload::Json => drop(tokio::spawn(call_typed(worker, caller, tally))),
        }
    }
    if point.what == What::Beside {
        tokio::spawn(send_large(worker.clone(), tally.clone()));
    }
    Ok(worker)
}

async fn call_raw(worker: Worker, caller: usize, body: Bytes, tally: Arc<Tally>) {
    loop {
        let started = tally.start(caller);
        let reply = worker.call_raw("echo", "raw", body.clone()).await;
        tally.came_back(started, reply.is_ok_and(|reply| reply.len() == body.len())).await;
    }
}

async fn call_typed(worker: Worker, caller: usize, tally: Arc<Tally>) {
    let order = Order::sample();
    loop {
        let started = tally.start(caller);
        let reply = worker.call(Echo(order.clone())).await;
        tally.came_back(started, reply.is_ok_and(|reply| reply.id == order.id)).await;
    }
}

/// One broadcast counts as the calls that it stands for, and fails if one of them does.
async fn broadcast(worker: Worker, caller: usize, body: Bytes, tally: Arc<Tally>) {
    loop {
        let started = tally.start(caller);
        let outcomes = worker.broadcast_raw("echo", "all", body.clone()).await;
        let well = outcomes.answers().filter(|(_, reply)| reply.len() == body.len()).count();
        let all = well == outcomes.len() && well == What::Broadcast32.instances();
        // The last of them carries the time and tells of failures.
        (1..well).for_each(|_| tally.done(None));
        tally.came_back(started, all).await;
    }
}

/// Large messages back to back, beside the callers and on the same link. They are not counted as
/// calls: what the small ones feel of them is.
async fn send_large(worker: Worker, tally: Arc<Tally>) {
    let body = Bytes::from(vec![0x5a; LARGE_BYTES]);
    loop {
        if worker.call_raw("echo", "swallow", body.clone()).await.is_err() {
            tally.came_back(None, false).await;
        }
    }
}
