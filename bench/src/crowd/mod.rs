//! A crowd: many members in one process, with real links between all that may link, and calls that
//! never stop. It is what others look at; nothing is measured here.
//!
//! Of ten members one is a gateway, three render and six store. Gateways call both others, and each
//! page that is rendered reads from a store.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use meshwork_worker::{Context, Failure, Sources, StartError, Worker};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::arguments::CrowdArguments;
use crate::{Outcome, child};

/// How often a member is asked whether it is linked to all.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Bytes of what is asked and answered.
const BODY: Bytes = Bytes::from_static(&[0x5a; 64]);

/// How many of each there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    gateways: usize,
    renders: usize,
    stores: usize,
}

impl Counts {
    fn of(members: usize) -> Self {
        let (gateways, renders) = ((members / 10).max(1), 3 * members / 10);
        Self { gateways, renders, stores: members.saturating_sub(gateways + renders) }
    }

    /// Links of one instance of that worker, once all are there.
    fn links_of(self, worker: &str) -> usize {
        match worker {
            "gateway" => self.renders + self.stores,
            "render" => self.gateways + self.stores,
            _ => self.gateways + self.renders,
        }
    }
}

/// Starts the members, says how many links they have once all are linked, and lets the gateways
/// call; never ends by itself.
///
/// # Errors
/// One of them does not start.
pub(crate) fn run(arguments: &CrowdArguments) -> Outcome {
    child::end_with_parent();
    LocalSet::new().block_on(&child::runtime()?, async {
        let counts = Counts::of(arguments.members);
        let secret = fs::read_to_string(&arguments.secret_file)?;
        let secret = secret.trim();
        let parts =
            [("store", counts.stores), ("render", counts.renders), ("gateway", counts.gateways)];
        let mut starts = JoinSet::new();
        for (name, count) in parts {
            for nth in 1..=count {
                let worker = member(name, nth, arguments, secret);
                starts.spawn_local(linked(worker, counts.links_of(name)));
            }
        }
        let mut members = Vec::new();
        while let Some(member) = starts.join_next().await {
            members.push(member??);
        }
        let links: usize = members.iter().map(|member| member.connected_peers().len()).sum();
        let every = Duration::from_secs(1)
            .mul_f64(counts.gateways as f64)
            .div_f64(f64::from(arguments.calls_per_s.max(1)));
        for gateway in &members {
            if gateway.identity().key().worker.as_str() == "gateway" {
                tokio::task::spawn_local(calls(gateway.clone(), every));
            }
        }
        // Each link has two ends.
        child::say(&(links / 2))?;
        std::future::pending().await
    })
}

fn member(
    name: &str,
    nth: usize,
    arguments: &CrowdArguments,
    secret: &str,
) -> meshwork_worker::Builder {
    let worker = Worker::builder(name)
        .sources(Sources::nothing())
        .master(&arguments.master)
        .secret(secret)
        .variant(format!("{name}-{nth:03}"))
        .listen("127.0.0.1:0")
        .lanes(0)
        // A thread for each of so many would be too many.
        .in_place();
    let echo = |_: Context, bytes: Bytes| async move { Ok::<_, Failure>(bytes) };
    match name {
        "store" => worker.handle_raw("read", echo).handle_raw("write", echo),
        "render" => worker.handle_raw("page", page).handle_raw("flush", echo),
        _ => worker,
    }
}

async fn page(context: Context, _: Bytes) -> Result<Bytes, Failure> {
    let read = context.worker().call_raw("store", "read", BODY).await;
    read.map_err(|error| Failure::new("no_store", error.to_string()))
}

/// Starts a member and waits until it is linked to so many.
async fn linked(worker: meshwork_worker::Builder, links: usize) -> Result<Worker, StartError> {
    let worker = worker.start().await?;
    while worker.connected_peers().len() < links {
        sleep(LOOK_EVERY).await;
    }
    Ok(worker)
}

/// Calls one command after the other, one each time.
async fn calls(gateway: Worker, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for (worker, command) in
        [("store", "read"), ("render", "page"), ("store", "write")].iter().cycle()
    {
        ticks.tick().await;
        let called = gateway.call_raw(worker, command, BODY).await;
        if let Err(error) = called {
            // It shows in what others look at, too.
            eprintln!("{worker}.{command}: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_are_a_hundred() {
        let counts = Counts::of(100);
        assert_eq!(counts, Counts { gateways: 10, renders: 30, stores: 60 });
        assert_eq!(counts.links_of("store"), 40);
        let ends = 10 * counts.links_of("gateway") + 30 * counts.links_of("render") + 60 * 40;
        assert_eq!(ends, 2 * (10 * 90 + 30 * 60));
    }
}
