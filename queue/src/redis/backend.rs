//! All queues of a mesh in one store.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use meshwork_shared::ids::MeshId;
use meshwork_shared::random::Random;
use redis::Value;
use tokio::time::Instant;

use super::answer::number;
use super::bell::Bell;
use super::check;
use super::connect::Connector;
use super::io::Io;
use super::look;
use super::queue::{Core, RedisQueue};
use super::script;
use super::site::{Prefix, Site};
use super::store::{CALL_TIMEOUT, CallError, Store};
use super::url::RedisUrl;
use crate::backend::{Queue, QueueBackend, Scope};
use crate::error::Unavailable;
use crate::name::QueueName;
use crate::options::QueueOptions;

/// Queues that are looked at together when they are listed.
const LOOKS_AT_ONCE: usize = 64;

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
    /// Shown without secrets.
    url: RedisUrl,
}

impl RedisBackend {
    /// The queues of `mesh` in this store. Starts a thread that talks with it, and connects when
    /// they are first used; `random` draws the jitter of waits.
    ///
    /// # Errors
    /// What is wrong with the address or the certificates it names, or that there is no thread to
    /// be had. Never shows the password.
    pub fn new(url: &RedisUrl, mesh: MeshId, random: Random) -> Result<Self, String> {
        let store = Arc::new(Store::new(Connector::new(url)?, random.clone()));
        let io = Io::start().map_err(|error| format!("cannot start a thread: {error}"))?;
        let bell = Arc::new(Bell::default());
        io.spawn(bell.clone().listen(store.clone()));
        Ok(Self {
            io: Arc::new(io),
            store,
            bell,
            prefix: Prefix::new(&url.prefix, mesh),
            random,
            url: url.clone(),
        })
    }

    fn queue(&self, name: &QueueName, options: QueueOptions) -> RedisQueue {
        let site = Site::new(&self.prefix, name);
        let options = QueueOptions { limits: self.url.bounds.over(options.limits), ..options };
        let (io, store) = (self.io.clone(), self.store.clone());
        RedisQueue::new(io, store, self.bell.clone(), site, options, self.random.clone())
    }

    /// The queues on the list that are empty, or that are not.
    async fn names(&self, is_empty: bool) -> Result<Vec<QueueName>, Unavailable> {
        let (store, prefix) = (self.store.clone(), self.prefix.clone());
        self.run(async move { names(store, prefix, is_empty).await }).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, CallError>> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let closed = || Err(super::answer::strange());
        self.io.run(work).await.unwrap_or_else(closed).map_err(unavailable)
    }
}

async fn names(
    store: Arc<Store>,
    prefix: Prefix,
    is_empty: bool,
) -> Result<Vec<QueueName>, CallError> {
    let mut members = redis::cmd("SMEMBERS");
    members.arg(prefix.queues());
    let names = match store.command(&members, in_time()).await? {
        Value::Array(names) | Value::Set(names) => names,
        _ => return Err(super::answer::strange()),
    };
    let look = |name: QueueName| {
        let core = core(&store, &prefix, &name);
        async move {
            let depth = look::measure(&core).await?;
            let is_meant = depth.is_unused() == is_empty;
            Ok(is_meant.then_some(name))
        }
    };
    let names: Vec<QueueName> = names.iter().filter_map(parse_name).collect();
    let looks = stream::iter(names).map(look).buffer_unordered(LOOKS_AT_ONCE);
    let found: Vec<Option<QueueName>> = looks.try_collect().await?;
    let mut found: Vec<QueueName> = found.into_iter().flatten().collect();
    found.sort();
    Ok(found)
}

/// A queue that is only looked at.
fn core(store: &Arc<Store>, prefix: &Prefix, name: &QueueName) -> Core {
    let (store, site) = (store.clone(), Site::new(prefix, name));
    Core::new(store, site, QueueOptions::default())
}

/// Deletes an empty queue and strikes it off the list; puts it back there if somebody used it
/// meanwhile. Whoever used it later puts it there himself.
async fn forget(core: &Core) -> Result<bool, CallError> {
    let is_gone = number(core.call(&script::FORGET, &[], in_time()).await?)? == 1;
    if !is_gone {
        return Ok(false);
    }
    core.store.command(&core.site.strike(), in_time()).await?;
    let depth = look::measure(core).await?;
    let is_used = !depth.is_unused() || depth.done > 0;
    if is_used {
        core.store.command(&core.site.note(), in_time()).await?;
    }
    Ok(!is_used)
}

fn in_time() -> Instant {
    Instant::now() + CALL_TIMEOUT
}

impl QueueBackend for RedisBackend {
    fn scope(&self) -> Scope {
        Scope::Mesh
    }

    fn open(&self, name: QueueName, options: QueueOptions) -> Arc<dyn Queue> {
        Arc::new(self.queue(&name, options))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        Box::pin(self.names(false))
    }

    fn list_empty(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        Box::pin(self.names(true))
    }

    fn forget<'a>(&'a self, name: &'a QueueName) -> BoxFuture<'a, Result<bool, Unavailable>> {
        let core = core(&self.store, &self.prefix, name);
        Box::pin(self.run(async move { forget(&core).await }))
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>> {
        let store = self.store.clone();
        Box::pin(self.run(async move { check::run(&store).await }))
    }
}

impl fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBackend").field("url", &self.url).finish_non_exhaustive()
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
