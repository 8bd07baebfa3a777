//! Messages of `actix-telepathy`. It has no remote ask: a call is a message there and one back,
//! and the client's actor sends the next one when an answer is here.

use std::net::SocketAddr;
use std::sync::Arc;

use actix::prelude::*;
use actix_broker::BrokerSubscribe;
use actix_telepathy::prelude::*;
use meshwork_bench_harness::Outcome;
use meshwork_bench_harness::child::{self, Ready};
use meshwork_bench_harness::measurement::Measurement;
use meshwork_bench_harness::tally::Tally;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::address;
use crate::load::{Load, READY_WITHIN};

/// What the client sends.
#[derive(RemoteMessage, Serialize, Deserialize)]
struct Ask {
    caller: u32,
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
}

/// What comes back.
#[derive(RemoteMessage, Serialize, Deserialize)]
struct Answer {
    caller: u32,
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
}

/// Sends back what it was sent. Nobody owns it; it ends with the process.
#[derive(RemoteActor)]
#[remote_messages(Ask)]
struct Echo {
    client: Option<RemoteAddr>,
}

impl Actor for Echo {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.register(ctx.address().recipient());
        self.subscribe_system_async::<ClusterLog>(ctx);
    }
}

impl ClusterListener for Echo {}

impl Handler<ClusterLog> for Echo {
    type Result = ();

    fn handle(&mut self, event: ClusterLog, _: &mut Self::Context) {
        if let ClusterLog::NewMember(node) = event {
            self.client = Some(node.get_remote_addr(Caller::ACTOR_ID.to_owned()));
        }
    }
}

impl Handler<Ask> for Echo {
    type Result = ();

    fn handle(&mut self, Ask { caller, body }: Ask, _: &mut Self::Context) {
        if let Some(client) = &self.client {
            // The only way to send that returns before the message has left.
            client.do_send(Answer { caller, body });
        }
    }
}

/// Keeps the calls in flight. Nobody owns it; it ends with the process.
#[derive(RemoteActor)]
#[remote_messages(Answer)]
struct Caller {
    server: Option<RemoteAddr>,
    body: Vec<u8>,
    tally: Arc<Tally>,
    /// When the call of each caller began, if it is timed.
    started: Vec<Option<Instant>>,
    /// Told when the first calls are on their way.
    begun: Option<oneshot::Sender<()>>,
}

impl Caller {
    fn call(&mut self, caller: usize) {
        self.started[caller] = self.tally.start(caller);
        if let Some(server) = &self.server {
            // As many are on their way as there are callers: no mailbox grows.
            server.do_send(Ask { caller: caller as u32, body: self.body.clone() });
        }
    }
}

impl Actor for Caller {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.register(ctx.address().recipient());
        self.subscribe_system_async::<ClusterLog>(ctx);
    }
}

impl ClusterListener for Caller {}

impl Handler<ClusterLog> for Caller {
    type Result = ();

    fn handle(&mut self, event: ClusterLog, _: &mut Self::Context) {
        if let ClusterLog::NewMember(node) = event {
            self.server = Some(node.get_remote_addr(Echo::ACTOR_ID.to_owned()));
            (0..self.started.len()).for_each(|caller| self.call(caller));
            if let Some(begun) = self.begun.take() {
                // Who waited may have given up.
                let _ = begun.send(());
            }
        }
    }
}

impl Handler<Answer> for Caller {
    type Result = ();

    fn handle(&mut self, answer: Answer, _: &mut Self::Context) {
        let caller = answer.caller as usize;
        if answer.body.len() == self.body.len() {
            self.tally.done(self.started[caller]);
        }
        self.call(caller);
    }
}

/// Serves until the process ends.
///
/// # Errors
/// There is no port to listen on.
pub(crate) async fn serve() -> Outcome {
    let address = address::free()?;
    let _echo = Echo { client: None }.start();
    let _cluster = Cluster::new(address, Vec::new());
    child::say(&Ready::alone(address))?;
    std::future::pending().await
}

/// Measures the calls of `load`.
///
/// # Errors
/// The server is not there in time.
pub(crate) async fn drive(address: SocketAddr, load: Load) -> Outcome<Measurement> {
    let (begun, begins) = oneshot::channel();
    let _caller = Caller {
        server: None,
        body: load.body.to_vec(),
        tally: load.tally.clone(),
        started: vec![None; load.in_flight],
        begun: Some(begun),
    }
    .start();
    let _cluster = Cluster::new(address::free()?, vec![address]);
    timeout(READY_WITHIN, begins).await.map_err(|_| "the cluster does not form")??;
    load.measure().await
}
