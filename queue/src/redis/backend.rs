//! All queues of a mesh in one store.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use meshwork_shared::ids::MeshId;
use meshwork_shared::random::Random;
use redis::Value;
use tokio::time::Instant;

use super::bell::Bell;
use super::check;
use super::connect::Connector;
use super::io::Io;
use super::look;
use super::queue::{Core, RedisQueue};
use super::site::{Prefix, Site};
use super::store::{CALL_TIMEOUT, CallError, Store};
use super::url::RedisUrl;
use crate::backend::{Queue, QueueBackend, Scope};
use crate::error::Unavailable;
use crate::name::QueueName;
use crate::options::QueueOptions;
use crate::status::QueueDepth;

/// Queues in Redis or Valkey, shared by every process of a mesh.
///
/// # Example
/// ```no_run
/// use meshwork_queue::{QueueBackend, RedisBackend};
/// use meshwork_shared::{ids::MeshId, random::Random};
///
/// # async fn example(mesh: MeshId) -> Result<(), Box<dyn std::error::Error>> {
/// let url = "redis://queue.internal".parse()?;
/// let backend = RedisBackend::new(&url, mesh, Random::system())?;
/// for sentence in backend.check().await? {
///     eprintln!("{sentence}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct RedisBackend {
    io: Arc<Io>,
    store: Arc<Store>,
    bell: Arc<Bell>,
    prefix: Prefix,
    random: Random,
    /// The address without secrets.
    address: String,
}

impl RedisBackend {
    /// The queues of `mesh` in this store. Starts a thread that talks with it, and connects when
    /// they are first used; `random` draws the jitter of waits.
    ///
    /// # Errors
    /// What is wrong with the address or the certificates it names, or that there is no thread to
    /// be had. Never shows the password.
    pub fn new(url: &RedisUrl, mesh: MeshId, random: Random) -> Result<Self, String> {
        let store = Arc::new(Store::new(Connector::new(url)?));
        let io = Io::start().map_err(|error| format!("cannot start a thread: {error}"))?;
        let bell = Arc::new(Bell::default());
        io.spawn(bell.clone().listen(store.clone()));
        Ok(Self {
            io: Arc::new(io),
            store,
            bell,
            prefix: Prefix::new(&url.prefix, mesh),
            random,
            address: url.to_string(),
        })
    }

    fn queue(&self, name: &QueueName, options: QueueOptions) -> RedisQueue {
        let site = Site::new(&self.prefix, name);
        let (io, store) = (self.io.clone(), self.store.clone());
        RedisQueue::new(io, store, self.bell.clone(), site, options, self.random.clone())
    }

    async fn names(&self) -> Result<Vec<QueueName>, Unavailable> {
        let mut members = redis::cmd("SMEMBERS");
        members.arg(self.prefix.queues());
        let store = self.store.clone();
        let until = Instant::now() + CALL_TIMEOUT;
        let names = self.io.run(async move { store.command(&members, until).await }).await;
        let closed = || Err(super::answer::strange());
        let names = match names.unwrap_or_else(closed).map_err(unavailable)? {
            Value::Array(names) | Value::Set(names) => names,
            _ => return Err(unavailable(super::answer::strange())),
        };
        let mut held = Vec::new();
        for name in names.iter().filter_map(parse_name) {
            let depth = self.depth(&name).await?;
            if depth.live() > 0 || depth.dead > 0 {
                held.push(name);
            }
        }
        held.sort();
        Ok(held)
    }

    async fn depth(&self, name: &QueueName) -> Result<QueueDepth, Unavailable> {
        let (store, site) = (self.store.clone(), Site::new(&self.prefix, name));
        let core = Core { store, site, options: QueueOptions::default() };
        let depth = self.io.run(async move { look::measure(&core).await }).await;
        depth.unwrap_or_else(|| Err(super::answer::strange())).map_err(unavailable)
    }
}

impl QueueBackend for RedisBackend {
    fn scope(&self) -> Scope {
        Scope::Mesh
    }

    fn open(&self, name: QueueName, options: QueueOptions) -> Arc<dyn Queue> {
        Arc::new(self.queue(&name, options))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        Box::pin(self.names())
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>> {
        Box::pin(async move {
            let store = self.store.clone();
            let checked = self.io.run(async move { check::run(&store).await }).await;
            let closed = || Err(super::answer::strange());
            checked.unwrap_or_else(closed).map_err(unavailable)
        })
    }
}

impl fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBackend").field("address", &self.address).finish_non_exhaustive()
    }
}

fn unavailable(error: CallError) -> Unavailable {
    Unavailable { message: error.message }
}

/// A name as [`QueueName`] shows itself.
fn parse_name(value: &Value) -> Option<QueueName> {
    let text = match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?,
        Value::SimpleString(text) => text,
        _ => return None,
    };
    let (worker, rest) = text.split_once('.')?;
    let (command, variant) = match rest.split_once('@') {
        Some((command, variant)) => (command, Some(variant.parse().ok()?)),
        None => (rest, None),
    };
    Some(QueueName { worker: worker.parse().ok()?, command: command.parse().ok()?, variant })
}
