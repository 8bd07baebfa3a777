//! Request and reply of NATS through its server: two responders in a queue group, as its
//! documentation shows, plain text, everything else as it comes.

mod broker;

use std::net::SocketAddr;

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use meshwork_bench_harness::Outcome;
use meshwork_bench_harness::child::{self, Ready};
use meshwork_bench_harness::measurement::Measurement;

use crate::load::Load;
use broker::Broker;

/// What requests are sent to.
const SUBJECT: &str = "echo";

/// Those who share the requests.
const GROUP: &str = "echoes";

/// How many of them there are.
const RESPONDERS: usize = 2;

/// Serves until the process ends.
///
/// # Errors
/// There is no server of NATS, or it does not start.
pub(crate) async fn serve() -> Outcome {
    let broker = Broker::start()?;
    let client = async_nats::connect(broker.address.to_string()).await?;
    for _ in 0..RESPONDERS {
        let requests = client.queue_subscribe(SUBJECT, GROUP.to_owned()).await?;
        tokio::spawn(answer(client.clone(), requests));
    }
    // A request that comes before the subscriptions would find nobody.
    client.flush().await?;
    child::say(&Ready { address: broker.address, helpers: vec![broker.pid()] })?;
    std::future::pending().await
}

async fn answer(client: Client, mut requests: Subscriber) {
    while let Some(request) = requests.next().await {
        if let Some(reply) = request.reply {
            // Nobody is told here that the connection is gone: the client counts no more answers.
            let _ = client.publish(reply, request.payload).await;
        }
    }
}

/// Measures the calls of `load`.
///
/// # Errors
/// The server is not there.
pub(crate) async fn drive(address: SocketAddr, load: Load) -> Outcome<Measurement> {
    let client = async_nats::connect(address.to_string()).await?;
    load.calls(move |body| {
        let client = client.clone();
        async move {
            let len = body.len();
            let reply = client.request(SUBJECT, body).await;
            reply.is_ok_and(|reply| reply.payload.len() == len)
        }
    })
    .await
}
