//! The demo's mesh: a master and its workers in this process, linked over the loopback device as
//! they would be between machines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use meshwork_master::{Master, State};
use meshwork_schema::Schema;
use meshwork_shared::config::{MasterConfig, Sources};
use meshwork_shared::identity::AuthorityKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use meshwork_worker::{Builder, Context, Failure, Worker};
use tokio::time::sleep;

use super::commands::{Quote, Reserve, Restock, Sales};
use super::tally::Tally;
use crate::exit::{CommandError, Exit};

/// The schema of the demo.
pub(super) const SCHEMA: &str = include_str!("mesh.toml");

/// How long a worker may take to be ready; on a loopback device it takes milliseconds.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How long running handlers have at the end.
const GRACE: Duration = Duration::from_secs(2);

/// Every so manieth reservation is refused: a handler that says no is no fault of the mesh.
const SOLD_OUT_EVERY: u64 = 50;

/// How long a reservation takes, as if it asked a database.
const RESERVE_TAKES: Duration = Duration::from_millis(2);

/// How long a job of `restock` takes.
const RESTOCK_TAKES: Duration = Duration::from_millis(5);

/// A running mesh.
pub(super) struct Mesh {
    master: Master,
    secret: MeshSecret,
    tally: Tally,
    /// Who calls.
    pub(super) shop: Worker,
    pricing: Vec<Worker>,
    stock: Vec<Worker>,
}

impl Mesh {
    /// Starts all of it: a master, three instances of `pricing`, two of `stock`, one of `shop`.
    pub(super) async fn start(tally: &Tally) -> Result<Self, CommandError> {
        let random = Random::system();
        let secret = MeshSecret::generate(&random);
        let master = Box::pin(start_master(secret.clone(), &random)).await?;
        let pricing = ["pricing-1", "pricing-2", "pricing-3"]
            .map(|variant| start(pricing(&master, &secret, variant, tally)));
        let stock =
            ["stock-1", "stock-2"].map(|variant| start(stock(&master, &secret, variant, tally)));
        let (pricing, stock) = (try_join_all(pricing).await?, try_join_all(stock).await?);
        // Last, so that it finds the others there.
        let shop = start(worker(&master, &secret, "shop", "shop-1")).await?;
        Ok(Self { master, secret, tally: tally.clone(), shop, pricing, stock })
    }

    /// Has an instance of `pricing` leave; gives its name.
    pub(super) async fn pricing_leaves(&mut self) -> Option<String> {
        let leaving = self.pricing.pop()?;
        let name = leaving.identity().to_string();
        leaving.shutdown().await;
        Some(name)
    }

    /// Has another instance of `pricing` join; gives its name.
    pub(super) async fn pricing_joins(&mut self, variant: &str) -> Result<String, CommandError> {
        let joined = start(pricing(&self.master, &self.secret, variant, &self.tally)).await?;
        let name = joined.identity().to_string();
        self.pricing.push(joined);
        Ok(name)
    }

    /// Everybody leaves, callers first.
    pub(super) async fn shutdown(self) {
        self.shop.shutdown().await;
        for worker in self.stock.iter().chain(&self.pricing) {
            worker.shutdown().await;
        }
        self.master.shutdown().await;
    }
}

async fn start_master(secret: MeshSecret, random: &Random) -> Result<Master, CommandError> {
    let failed = |what: String| CommandError::new(Exit::Failed, what);
    let schema = Schema::from_toml(SCHEMA).map_err(|error| failed(error.to_string()))?;
    let mut config = MasterConfig::new(secret);
    config.mesh_listen = ([127, 0, 0, 1], 0).into();
    let state = State::memory(AuthorityKey::generate(random));
    let builder = Master::builder(schema, config).state(state).http(false);
    builder.start().await.map_err(|error| failed(error.to_string()))
}

/// A worker of this mesh and nothing that the environment says.
fn worker(master: &Master, secret: &MeshSecret, worker: &str, variant: &str) -> Builder {
    Worker::builder(worker)
        .sources(Sources::nothing())
        .master(master.mesh_addr().to_string())
        .secret(secret.expose_text().as_str())
        .settings(|settings| settings.authority = Some(master.authority().to_string()))
        .variant(variant)
        .listen("127.0.0.1:0")
        .lanes(1)
        .grace(GRACE)
        .ready_within(READY_WITHIN)
}

async fn start(builder: Builder) -> Result<Worker, CommandError> {
    let started = Box::pin(builder.start()).await;
    started.map_err(|error| CommandError::new(Exit::Failed, error.to_string()))
}

fn pricing(master: &Master, secret: &MeshSecret, variant: &str, tally: &Tally) -> Builder {
    let quotes = Arc::new(AtomicU64::new(0));
    let given = quotes.clone();
    let (quoted, told) =
        (tally.runs("pricing.quote", variant), tally.runs("pricing.sales", variant));
    worker(master, secret, "pricing", variant)
        .strict_handlers()
        .handle(move |_: Context, quote: Quote| {
            quoted.count();
            given.fetch_add(1, Ordering::Relaxed);
            async move { Ok(quote.amount * (100 + quote.item % 900)) }
        })
        .handle(move |_: Context, _: Sales| {
            told.count();
            let quotes = quotes.load(Ordering::Relaxed);
            async move { Ok(quotes) }
        })
}

fn stock(master: &Master, secret: &MeshSecret, variant: &str, tally: &Tally) -> Builder {
    let reserved = tally.runs("stock.reserve", variant);
    let restocked = tally.runs("stock.restock", variant);
    worker(master, secret, "stock", variant)
        .strict_handlers()
        .handle(move |_: Context, reserve: Reserve| {
            reserved.count();
            async move {
                sleep(RESERVE_TAKES).await;
                match reserve.item % SOLD_OUT_EVERY {
                    0 => Err(Failure::new("sold_out", "there is none left")),
                    _ => Ok(()),
                }
            }
        })
        .handle(move |_: Context, _: Restock| {
            restocked.count();
            async move {
                sleep(RESTOCK_TAKES).await;
                Ok(())
            }
        })
}
