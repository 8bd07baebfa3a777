//! The thread that talks with the store.
//!
//! Connections, batches and waiting live on a runtime of their own: the lanes of a worker come and
//! go, and what one of them began must not stop with it. Dropping the last handle stops the thread
//! with all that runs on it.

use std::future::Future;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A handle to the thread.
pub(super) struct Io {
    handle: Handle,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Io {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread or no events to give.
    pub(super) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new().name("meshwork-redis".to_owned()).spawn(move || {
            // An error says that the sender was dropped, which is the sign.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, _stop: stop })
    }

    /// Lets something run there until it is done or the thread ends.
    pub(super) fn spawn<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.handle.spawn(future);
    }

    /// Runs something there and waits for it; `None` when the thread ended before.
    pub(super) async fn run<F>(&self, future: F) -> Option<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future).await.ok()
    }
}
