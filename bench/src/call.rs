//! Calls as programs make them: a master and a worker in the server's process, another worker in
//! the client's, and the public interface of the library between them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshwork_master::{Master, State};
use meshwork_schema::Schema;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::identity::AuthorityKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use meshwork_worker::{Builder, CallOptions, Command, Context, Sources, Worker};
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::child;
use crate::point::{Order, Payload, Point};
use crate::tally::Tally;

/// Defaults all over: 1024 calls of a command run at once, as many as the deepest point has.
const SCHEMA: &str = r#"
[echo]
_allow = ["caller"]
[echo._commands._balanced]
raw = {}
order = {}

[caller]
_connect = ["echo"]
"#;

/// How long the client waits for its first answer.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// The struct of five fields as a command that answers with itself.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Echo(Order);

impl Command for Echo {
    const WORKER: &'static str = "echo";
    const NAME: &'static str = "order";
    type Reply = Order;
}

/// Starts a master and a worker that echoes, and says where the master is; never ends by itself.
///
/// # Errors
/// One of them does not start.
pub(crate) async fn serve(lanes: usize) -> Outcome {
    let mut config = MasterConfig::new(secret());
    config.mesh_listen = "127.0.0.1:0".parse()?;
    let random = Random::system();
    let builder = Master::builder(Schema::from_toml(SCHEMA)?, config);
    let master =
        builder.state(State::memory(AuthorityKey::generate(&random))).http(false).start().await?;
    let _worker = worker("echo", &master.mesh_addr().to_string(), lanes)
        .handle_raw("raw", |_: Context, bytes: Bytes| async move { Ok(bytes) })
        .handle(|_: Context, Echo(order): Echo| async move { Ok(order) })
        .start()
        .await?;
    child::say(&master.mesh_addr())?;
    std::future::pending().await
}

/// Joins the mesh and sets the callers of a point going.
///
/// # Errors
/// It cannot join, or no echo comes back.
pub(crate) async fn drive(
    address: &str,
    point: Point,
    tally: &Arc<Tally>,
    lanes: usize,
) -> Outcome<Worker> {
    let worker = worker("caller", address, lanes).start().await?;
    let mut ready = CallOptions::default();
    (ready.deadline, ready.wait_for_ready) = (Some(READY_WITHIN), true);
    worker.call_raw("echo", "raw", Bytes::new()).options(ready).await?;
    for caller in 0..point.in_flight {
        let (worker, tally) = (worker.clone(), tally.clone());
        match point.payload {
            Payload::Raw(_) => {
                tokio::spawn(call_raw(worker, caller, point.payload.bytes(), tally));
            }
            Payload::Json => drop(tokio::spawn(call_typed(worker, caller, tally))),
        }
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

fn worker(name: &str, master: &str, lanes: usize) -> Builder {
    Worker::builder(name)
        // Only what stands here counts, whatever the environment of the benchmark says.
        .sources(Sources::nothing())
        .master(master)
        .secret(secret().expose_text().as_str())
        .listen("127.0.0.1:0")
        .lanes(lanes)
}

/// The same in both processes, and worth nothing outside of them.
fn secret() -> MeshSecret {
    MeshSecret::generate(&Random::seeded(1))
}
