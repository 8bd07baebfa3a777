//! The side that asks: keeps so many messages in flight, each sent again when its echo is here.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use meshwork_shared::net::Network;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::keys;
use super::pump::Pump;
use crate::point::Point;
use crate::tally::Tally;

/// Connects to every address with an equal part of the messages of the point, and sets them going.
/// The future ends only with one of the connections.
///
/// # Errors
/// Nobody listens at one of them.
pub(crate) async fn drive(
    addresses: &[SocketAddr],
    point: Point,
    tally: &Arc<Tally>,
    in_pieces: bool,
) -> io::Result<impl Future<Output = io::Error> + use<>> {
    let mut clients = JoinSet::new();
    let part = Point { in_flight: point.in_flight / addresses.len(), ..point };
    for address in addresses {
        let address = address.to_string();
        clients.spawn(Client::connect(&address, part, tally.clone(), in_pieces).await?);
    }
    Ok(async move {
        match clients.join_next().await {
            Some(Ok(error)) => error,
            Some(Err(error)) => io::Error::other(error),
            None => io::ErrorKind::NotConnected.into(),
        }
    })
}

/// The client of one connection, as a future that ends only with it.
struct Client {
    pump: Pump,
    body: Bytes,
    /// When each caller sent its message, if it is timed.
    started: Vec<Option<Instant>>,
    tally: Arc<Tally>,
}

impl Client {
    /// Connects, with the first messages of all callers ready to go.
    ///
    /// # Errors
    /// Nobody listens there.
    async fn connect(
        address: &str,
        point: Point,
        tally: Arc<Tally>,
        in_pieces: bool,
    ) -> io::Result<Self> {
        let stream = Network::Tcp.dial(address).await?;
        let (from_client, to_client) = keys();
        let piece = in_pieces.then(|| (point.in_flight / 4).max(16));
        let mut pump = Pump::new(stream, &from_client, &to_client, piece);
        let body = point.payload.bytes();
        for caller in 0..point.in_flight {
            pump.out.push(caller as u32, &body)?;
        }
        let started = (0..point.in_flight).map(|caller| tally.start(caller)).collect();
        Ok(Self { pump, body, started, tally })
    }
}

impl Future for Client {
    type Output = io::Error;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Self { pump, body, started, tally } = &mut *self;
        pump.poll(cx, |caller, echo, out| {
            let index = caller as usize;
            let Some(began) = started.get_mut(index).filter(|_| echo.len() == body.len()) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            tally.done(*began);
            *began = tally.start(index);
            out.push(caller, body)
        })
    }
}
