//! The loop of a listener. Its owner runs it; it stops when the owner drops it or takes no more
//! accepted connections, and every handshake under way stops with it. Nothing that comes in
//! through the socket ends it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep};

use super::entrance::{Entrance, Seat};
use super::{AcceptError, Accepted, Accepting, Doorman, handshake_with};
use crate::admission::Ended;
use crate::net::{Listener, Stream};

/// Wait after the first failed accept in a row; doubles up to [`BACK_OFF_MAX`].
const BACK_OFF_MIN: Duration = Duration::from_millis(10);

/// Longest wait between two accepts that fail: the process is out of files or memory.
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// Accepts every connection of `listener`, shakes hands in a task of its own, and hands over those
/// that succeed. A [gate](crate::admission::Gate) bounds them; an accepted connection counts
/// as half-open until the receiver has taken it. It never ends by itself.
pub async fn listen_loop<D: Doorman>(
    listener: Listener,
    accepting: Arc<Accepting<D>>,
    accepted: mpsc::Sender<Accepted>,
) {
    let entrance = Arc::new(Entrance::new(&accepting.limits.handshake));
    let mut handshakes = JoinSet::new();
    let mut back_off = BACK_OFF_MIN;
    loop {
        let next = tokio::select! {
            biased;
            () = accepted.closed() => return,
            Some(_) = handshakes.join_next() => continue,
            next = listener.accept() => next,
        };
        let (stream, from) = match next {
            Ok(next) => next,
            Err(error) => {
                accept_failed(&accepting, &error);
                sleep(back_off).await;
                back_off = (back_off * 2).min(BACK_OFF_MAX);
                continue;
            }
        };
        back_off = BACK_OFF_MIN;
        let (seat, evicted) = tokio::select! {
            biased;
            () = accepted.closed() => return,
            seated = entrance.seat(from.ip()) => seated,
        };
        let knock = Knock { stream, from, seat, accepting: accepting.clone() };
        handshakes.spawn(knock.answer(evicted, accepted.clone()));
        // The new handshake reads before the next connection may take its place.
        yield_now().await;
    }
}

/// A connection on its way to a link.
struct Knock<D> {
    stream: Stream,
    from: SocketAddr,
    seat: Seat,
    accepting: Arc<Accepting<D>>,
}

/// Why a connection was dropped.
enum Dropped {
    /// Another needed its place more.
    Evicted,
    /// It was on probation, and that is over.
    Rate,
    /// By its own fault.
    Failed(AcceptError),
}

impl<D: Doorman> Knock<D> {
    /// Until the link is handed over, or the connection closed.
    async fn answer(self, evicted: oneshot::Receiver<()>, accepted: mpsc::Sender<Accepted>) {
        let Self { stream, from, seat, accepting } = self;
        let hand_over = async {
            let first_within = seat.admission.first_within;
            let proven = || seat.proven();
            let link = handshake_with(stream, from, &accepting, first_within, proven).await?;
            accepting.counters.count("accepted", Instant::now());
            // The receiver is gone only when the loop is about to end.
            let _ = accepted.send(link).await;
            Ok(())
        };
        let result = tokio::select! {
            biased;
            _ = evicted => Err(Dropped::Evicted),
            result = hand_over => result.map_err(|error| match error {
                AcceptError::Silent if seat.admission.on_probation => Dropped::Rate,
                error => Dropped::Failed(error),
            }),
        };
        match result {
            Ok(()) => seat.leave(Ended::Linked),
            Err(dropped) => {
                seat.leave(Ended::Failed);
                dropped.report(&accepting, from);
            }
        }
    }
}

impl Dropped {
    fn report<D: Doorman>(&self, accepting: &Accepting<D>, from: SocketAddr) {
        let cause = match self {
            Self::Evicted => "evicted",
            Self::Rate => "rate",
            Self::Failed(error) => error.cause(),
        };
        accepting.doorman.refused(cause, from);
        if let Some(times) = accepting.counters.count(cause, Instant::now()) {
            let from = from.ip();
            log::warn!("handshake refused ({cause}, {times} times), the last from {from}: {self}");
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evicted => f.write_str("its place was needed for a newer connection"),
            Self::Rate => f.write_str("too many from its address show no secret"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

fn accept_failed<D>(accepting: &Accepting<D>, error: &io::Error) {
    if let Some(times) = accepting.counters.count("accept_error", Instant::now()) {
        log::warn!("no connection can be accepted ({times} times): {error}");
    }
}
