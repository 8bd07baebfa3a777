//! All queues of a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use futures_util::future::BoxFuture;
use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::batch::{Forgotten, Opened};
use super::bell::{Bell, Watch};
use super::handle::{FileQueue, Shared};
use super::limits::{LEASES_MAX, OPERATIONS_MAX, POLL, POLL_WITHOUT_BELL, WAITS_MAX};
use super::look;
use super::options::{FileOpenError, FileOptions};
use super::order::Order;
use super::store;
use super::writer::{Equipment, Writer};
use crate::backend::{Queue, QueueBackend, Scope};
use crate::error::Unavailable;
use crate::name::QueueName;
use crate::options::QueueOptions;

/// The queues of one file, for this process; other processes open the same file.
///
/// ```
/// use meshwork_queue::{FileBackend, FileOptions, QueueBackend};
/// use meshwork_shared::{clock::Clock, random::Random};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let options = FileOptions::new(folder.path().join("jobs.db"));
/// let backend = FileBackend::open(options, Random::system(), Clock::system())?;
/// assert!(backend.list().await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FileBackend {
    pub(super) shared: Arc<Shared>,
}

impl FileBackend {
    /// Opens the file, or makes it. It reads and writes the disk in this thread for a moment; what
    /// comes later is the work of a thread of its own, which ends with the last queue that was
    /// opened. `random` draws the jitter of waits; `clock` has to be that of the machine, which
    /// the other processes read too.
    ///
    /// # Errors
    /// [`FileOpenError`] says why the file cannot be used.
    pub fn open(options: FileOptions, random: Random, clock: Clock) -> Result<Self, FileOpenError> {
        let conn = store::open(&options)?;
        Self::with(conn, options, random, clock)
    }

    /// The backend on a connection that is open.
    pub(super) fn with(
        conn: Connection,
        options: FileOptions,
        random: Random,
        clock: Clock,
    ) -> Result<Self, FileOpenError> {
        let unusable = |error: std::io::Error| FileOpenError::Unusable {
            path: options.path.clone(),
            message: error.to_string(),
        };
        let bell = Bell::open(&options.path).map_err(unusable)?;
        let (orders, taken) = sync_channel(OPERATIONS_MAX + LEASES_MAX + 1);
        let rung = Arc::new(AtomicBool::new(false));
        let watch = watch(&options, orders.clone(), rung.clone());
        let poll = if watch.is_some() { POLL } else { POLL_WITHOUT_BELL };
        let equipment =
            Equipment { options: options.clone(), conn, bell, rung, poll, clock, random };
        let writer = Writer::new(taken, equipment);
        let thread = std::thread::Builder::new().name("queue-file".to_owned());
        thread.spawn(move || writer.run()).map_err(unusable)?;
        Ok(Self {
            shared: Arc::new(Shared {
                options,
                orders,
                operations: Arc::new(Semaphore::new(OPERATIONS_MAX)),
                leases: Arc::new(Semaphore::new(LEASES_MAX)),
                waits: Arc::new(Semaphore::new(WAITS_MAX)),
                _watch: watch,
            }),
        })
    }
}

/// Has the writer told when the bell rings, if it can be watched.
fn watch(options: &FileOptions, orders: SyncSender<Order>, rung: Arc<AtomicBool>) -> Option<Watch> {
    let watch = Watch::start(&options.path, move || {
        // One notice under way says it all.
        rung.swap(true, Ordering::SeqCst)
            || !matches!(orders.try_send(Order::Bell), Err(TrySendError::Disconnected(_)))
    });
    if let Err(error) = &watch {
        let (path, ms) = (options.path.display(), POLL_WITHOUT_BELL.as_millis());
        log::warn!("{path} cannot be watched and is looked at every {ms} ms: {error}");
    }
    watch.ok()
}

impl QueueBackend for FileBackend {
    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn open(&self, name: QueueName, options: QueueOptions) -> Arc<dyn Queue> {
        let limits = self.shared.options.bounds.over(options.limits);
        let options = QueueOptions { limits, ..options };
        let queue = Arc::new(Opened { text: name.to_string(), name, options });
        Arc::new(FileQueue { shared: self.shared.clone(), queue })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        Box::pin(async move {
            let queues = self.shared.ask(|batch| {
                batch.flush()?;
                look::list(batch.conn, look::FULL)
            });
            Ok(queues.await?)
        })
    }

    fn list_empty(&self) -> BoxFuture<'_, Result<Vec<QueueName>, Unavailable>> {
        Box::pin(async move {
            let queues = self.shared.ask(|batch| {
                batch.flush()?;
                look::list(batch.conn, look::EMPTY)
            });
            Ok(queues.await?)
        })
    }

    fn forget<'a>(&'a self, name: &'a QueueName) -> BoxFuture<'a, Result<bool, Unavailable>> {
        Box::pin(async move {
            loop {
                let name = name.clone();
                // A part in each transaction: others wait meanwhile.
                match self.shared.ask(move |batch| batch.forget(&name)).await? {
                    Forgotten::Partly => {}
                    Forgotten::Wholly => return Ok(true),
                    Forgotten::Held => return Ok(false),
                }
            }
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>> {
        Box::pin(async move {
            let options = self.shared.options.clone();
            // In the writer's thread: asking the file system may take its time.
            Ok(self.shared.ask(move |_| Ok(store::check(&options))).await?)
        })
    }
}
