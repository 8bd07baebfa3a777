//! Viewers that take nothing any more. The actor of a viewer lives by its connection: while that
//! takes nothing the actor is not run, and cannot find out by itself. So a task beside it looks
//! whether it was run lately, and cuts the connection if not, which gives its place to another.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use actix_web::dev::Extensions;
use tokio::time::{Instant, sleep};

/// How long a viewer may take nothing. It is asked every 15 s whether it is there, which is
/// something to take.
pub(super) const STALLED_MAX: Duration = Duration::from_secs(45);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// When a viewer was last run: its connection took what was written before.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<Instant>);

impl Pulse {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Instant::now())))
    }

    /// The viewer is run now.
    pub(super) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_stalled(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > STALLED_MAX
    }
}

/// Calls `cut` once the viewer has taken nothing for too long; over as soon as the viewer is.
pub(super) async fn watch(pulse: Weak<Pulse>, cut: impl FnOnce()) {
    loop {
        sleep(LOOK_EVERY).await;
        let Some(pulse) = pulse.upgrade() else { return };
        if pulse.is_stalled() {
            return cut();
        }
    }
}

/// A second handle of a connection, by which it can be cut whatever its server waits for.
#[derive(Clone, Debug)]
pub(super) struct Cable(Arc<TcpStream>);

impl Cable {
    /// Keeps one for each connection that is accepted.
    pub(super) fn keep(connection: &dyn Any, data: &mut Extensions) {
        let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() else {
            return;
        };
        // Out of files: a viewer on it could stall for longer, and is bounded in number.
        if let Ok(handle) = stream.as_fd().try_clone_to_owned() {
            data.insert(Self(Arc::new(handle.into())));
        }
    }

    /// Ends the connection at once.
    pub(super) fn cut(&self) {
        // One that is closed already needs no more.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Watches; says whether it was cut, and after how long.
    fn watched(pulse: &Arc<Pulse>) -> (Arc<AtomicBool>, impl Future<Output = ()> + use<>) {
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = is_cut.clone();
        (is_cut, watch(Arc::downgrade(pulse), move || cut.store(true, Ordering::Relaxed)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_takes_nothing_is_cut_and_not_before_its_time() {
        let (pulse, began) = (Pulse::new(), Instant::now());
        let (is_cut, watching) = watched(&pulse);
        watching.await;
        assert!(is_cut.load(Ordering::Relaxed));
        let after = began.elapsed();
        assert!(after > STALLED_MAX && after <= STALLED_MAX + 2 * LOOK_EVERY, "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_what_comes_stays_and_one_that_is_gone_is_let_alone() {
        let pulse = Pulse::new();
        let (is_cut, watching) = watched(&pulse);
        let watching = tokio::spawn(watching);
        for _ in 0..1000 {
            sleep(Duration::from_secs(15)).await;
            pulse.beat();
        }
        drop(pulse);
        watching.await.unwrap();
        assert!(!is_cut.load(Ordering::Relaxed));
    }

    #[actix_web::rt::test]
    async fn a_cut_ends_the_connection_for_both_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut viewer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, _) = listener.accept().unwrap();
        served.set_nonblocking(true).unwrap();
        let served = actix_web::rt::net::TcpStream::from_std(served).unwrap();
        let mut data = Extensions::new();
        Cable::keep(&served, &mut data);
        data.get::<Cable>().unwrap().cut();
        assert_eq!(viewer.read(&mut [0]).unwrap(), 0);
        assert!(served.try_write(b"more").is_err());
    }
}
