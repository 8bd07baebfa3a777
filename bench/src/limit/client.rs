//! The side that asks: keeps so many messages in flight, each sent again when its echo is here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use meshwork_shared::net::Network;
use tokio::time::Instant;

use super::keys;
use super::pump::Pump;
use crate::point::Point;
use crate::tally::Tally;

/// The client, as a future that ends only with the connection.
pub(crate) struct Client {
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
    pub(crate) async fn connect(
        address: &str,
        point: Point,
        tally: Arc<Tally>,
    ) -> io::Result<Self> {
        let stream = Network::Tcp.dial(address).await?;
        let (from_client, to_client) = keys();
        let mut pump = Pump::new(stream, &from_client, &to_client);
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
