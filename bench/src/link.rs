//! Calls over a link without the layers of a worker: what the link itself costs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use meshwork_shared::aead::AeadKey;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::lanes::Lanes;
use meshwork_shared::link::message::{Body, CommandRef, InboundCall, Request};
use meshwork_shared::link::service::{Notice, Served, Service};
use meshwork_shared::link::task::{Established, link};
use meshwork_shared::net::{Listener, Network, Stream};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::Outcome;
use crate::point::Point;
use crate::tally::Tally;

/// What a call has, as the default of the schema.
const DEADLINE: Duration = Duration::from_secs(10);

/// Answers with what it was sent.
pub(crate) struct Echo;

impl Service for Echo {
    fn serve(&self, call: InboundCall) -> Served {
        // Handlers of a worker are boxed futures that mostly answer at their first poll.
        Served::Handling(Box::pin(std::future::ready(Ok(call.body))))
    }

    fn notice(&self, _: Notice) {}

    fn computed_in_place(&self, _: &CommandRef, _: Duration) {}
}

/// A link that stays open for as long as this lives.
pub(crate) struct Open {
    _link: Link,
    _lanes: Lanes,
}

/// Echoes on every connection; never ends by itself.
///
/// # Errors
/// The system lets no connection in, or gives no thread.
pub(crate) async fn serve(listener: Listener, lanes: usize) -> io::Result<()> {
    let lanes = Lanes::start(lanes)?;
    loop {
        let (stream, _) = listener.accept().await?;
        start(established(stream, 2, 1), &lanes)?;
    }
}

/// Connects and sets the callers of a point going.
///
/// # Errors
/// Nobody listens there, or the system gives no thread.
pub(crate) async fn drive(
    address: &str,
    point: Point,
    tally: &Arc<Tally>,
    lanes: usize,
) -> Outcome<Open> {
    let lanes = Lanes::start(lanes)?;
    let stream = Network::Tcp.dial(address).await?;
    let link = start(established(stream, 1, 2), &lanes)?;
    let body = point.payload.bytes();
    for caller in 0..point.in_flight {
        tokio::spawn(call_again_and_again(link.clone(), caller, body.clone(), tally.clone()));
    }
    Ok(Open { _link: link, _lanes: lanes })
}

async fn call_again_and_again(link: Link, caller: usize, body: Bytes, tally: Arc<Tally>) {
    loop {
        let started = tally.start(caller);
        let len = call(&link, body.clone()).await;
        tally.came_back(started, len == Some(body.len())).await;
    }
}

/// One call; the bytes of its answer.
pub(crate) async fn call(link: &Link, body: Bytes) -> Option<usize> {
    let request = Request {
        command: CommandRef::Number(0),
        body: Body::raw(body),
        deadline: Instant::now() + DEADLINE,
        trace: None,
        attempt: None,
        wants_reply: true,
    };
    Some(link.call(request).ok()?.await.ok()?.bytes.len())
}

/// A connection with keys that a handshake would have made.
fn established(stream: Stream, send: u8, receive: u8) -> Established {
    Established {
        stream,
        send_key: AeadKey::new([send; 32]),
        receive_key: AeadKey::new([receive; 32]),
        leftover: BytesMut::new(),
        peer_frame_bytes_max: Limits::default().frame_bytes_max,
    }
}

/// Starts a link on the next lane, or here without one.
///
/// # Errors
/// The socket cannot be moved to its lane.
pub(crate) fn start(established: Established, lanes: &Lanes) -> io::Result<Link> {
    let lane = lanes.next();
    let home = lane.as_ref().map_or_else(Handle::current, |lane| lane.runtime().clone());
    let stream = match &lane {
        Some(_) => established.stream.rehome(&home)?,
        None => established.stream,
    };
    let _guard = home.enter();
    let established = Established { stream, ..established };
    let (link, task) = link(established, Arc::new(Echo), &Limits::default(), lane);
    drop(home.spawn(task));
    Ok(link)
}
