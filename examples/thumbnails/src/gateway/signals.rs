//! Being asked to stop.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};

/// Ends at SIGINT (Ctrl-C) or SIGTERM, which do nothing else from now on; never, if the system lets
/// nobody wait for them.
pub fn interrupted() -> impl Future<Output = ()> {
    let caught = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = caught else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}
