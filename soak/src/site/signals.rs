//! Whether we were asked to stop: Ctrl-C, `kill`, or a terminal that was closed.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register;

static CAME: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Watches from now on; none of the signals ends this process by itself any more.
pub(crate) fn watch() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        register(signal, CAME.clone())?;
    }
    Ok(())
}

/// Whether one came.
pub(crate) fn interrupted() -> bool {
    CAME.load(Ordering::Relaxed)
}
