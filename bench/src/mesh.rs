//! The mesh of the points: its schema, its master, and the workers that serve and call.

use meshwork_master::{Master, State};
use meshwork_schema::Schema;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::identity::AuthorityKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use meshwork_worker::{Builder, Command, Context, Sources, Worker};
use serde::{Deserialize, Serialize};

use bytes::Bytes;

use crate::Outcome;
use crate::child;
use crate::point::Order;

/// Defaults all over: 1024 calls of a command run at once, as many as the deepest point has.
const SCHEMA: &str = r#"
[echo]
_allow = ["caller"]
[echo._commands._balanced]
raw = {}
order = {}
swallow = {}
[echo._commands._broadcast]
all = { responds = true }

[caller]
_connect = ["echo"]
"#;

/// The struct of five fields as a command that answers with itself.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Echo(pub(crate) Order);

impl Command for Echo {
    const WORKER: &'static str = "echo";
    const NAME: &'static str = "order";
    type Reply = Order;
}

/// Starts a master and so many workers that echo, all in this process, and says where the master
/// is; `plain` ones neither count nor trace. Never ends by itself.
///
/// # Errors
/// One of them does not start.
pub(crate) async fn serve(instances: usize, lanes: usize, is_plain: bool) -> Outcome {
    let master = start_master().await?;
    let address = master.mesh_addr();
    let mut workers = Vec::new();
    for _ in 0..instances {
        let worker = echo(&address.to_string(), lanes);
        let worker = if is_plain { plain(worker) } else { worker };
        workers.push(worker.start().await?);
    }
    child::say(&address)?;
    std::future::pending().await
}

/// Starts one worker that echoes and says where it listens; never ends by itself.
///
/// # Errors
/// It does not start.
pub(crate) async fn serve_instance(master: &str, lanes: usize) -> Outcome {
    let worker = echo(master, lanes).start().await?;
    child::say(&worker.listen_addr().ok_or("a worker that does not listen")?)?;
    std::future::pending().await
}

async fn start_master() -> Outcome<Master> {
    let mut config = MasterConfig::new(secret());
    config.mesh_listen = "127.0.0.1:0".parse()?;
    let builder = Master::builder(Schema::from_toml(SCHEMA)?, config);
    let authority = AuthorityKey::generate(&Random::system());
    Ok(builder.state(State::memory(authority)).http(false).start().await?)
}

fn echo(master: &str, lanes: usize) -> Builder {
    worker("echo", master, lanes)
        .handle_raw("raw", |_: Context, bytes: Bytes| async move { Ok(bytes) })
        .handle_raw("all", |_: Context, bytes: Bytes| async move { Ok(bytes) })
        .handle_raw("swallow", |_: Context, _: Bytes| async move { Ok(Bytes::new()) })
        .handle(|_: Context, Echo(order): Echo| async move { Ok(order) })
}

/// A worker that neither counts nor traces.
pub(crate) fn plain(worker: Builder) -> Builder {
    worker.settings(|settings| {
        settings.metrics = Some(false);
        settings.trace_one_in = Some(0);
    })
}

/// A worker that is not started.
pub(crate) fn worker(name: &str, master: &str, lanes: usize) -> Builder {
    Worker::builder(name)
        // Only what stands here counts, whatever the environment of the benchmark says.
        .sources(Sources::nothing())
        .master(master)
        .secret(secret().expose_text().as_str())
        .listen("127.0.0.1:0")
        .lanes(lanes)
}

/// The same in all processes, and worth nothing outside of them.
pub(crate) fn secret() -> MeshSecret {
    MeshSecret::generate(&Random::seeded(1))
}
