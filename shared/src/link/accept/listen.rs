//! The loop of a listener. Its owner runs it; it stops when the owner drops it or takes no more
//! accepted connections, and every handshake under way stops with it. Nothing that comes in
//! through the socket ends it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{AcceptError, Accepted, Accepting, Doorman, handshake};
use crate::net::{Listener, Stream};

/// Wait after the first failed accept in a row; doubles up to [`BACK_OFF_MAX`].
const BACK_OFF_MIN: Duration = Duration::from_millis(10);

/// Longest wait between two accepts that fail: the process is out of files or memory.
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// Accepts every connection of `listener`, shakes hands in a task of its own, and hands over those
/// that succeed. It never ends by itself.
pub async fn listen_loop<D: Doorman>(
    listener: Listener,
    accepting: Arc<Accepting<D>>,
    accepted: mpsc::Sender<Accepted>,
) {
    let mut handshakes = JoinSet::new();
    let mut back_off = BACK_OFF_MIN;
    loop {
        let next = tokio::select! {
            biased;
            () = accepted.closed() => return,
            Some(_) = handshakes.join_next() => continue,
            next = listener.accept() => next,
        };
        match next {
            Ok((stream, from)) => {
                back_off = BACK_OFF_MIN;
                handshakes.spawn(answer(stream, from, accepting.clone(), accepted.clone()));
            }
            Err(error) => {
                if let Some(times) = accepting.counters.count("accept_error", Instant::now()) {
                    log::warn!("no connection can be accepted ({times} times): {error}");
                }
                sleep(back_off).await;
                back_off = (back_off * 2).min(BACK_OFF_MAX);
            }
        }
    }
}

async fn answer<D: Doorman>(
    stream: Stream,
    from: SocketAddr,
    accepting: Arc<Accepting<D>>,
    accepted: mpsc::Sender<Accepted>,
) {
    match handshake(stream, from, &accepting).await {
        Ok(link) => {
            accepting.counters.count("accepted", Instant::now());
            // The receiver is gone only when the loop is about to end.
            let _ = accepted.send(link).await;
        }
        Err(error) => report(&accepting, from, error),
    }
}

fn report<D: Doorman>(accepting: &Accepting<D>, from: SocketAddr, error: AcceptError) {
    if let Some(times) = accepting.counters.count(error.cause(), Instant::now()) {
        log::warn!("handshake refused ({times} times), the last from {}: {error}", from.ip());
    }
}
