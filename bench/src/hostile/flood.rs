//! Strangers: connections of people who hold no secret.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meshwork_shared::handshake::Dialer;
use meshwork_shared::identity::NodeKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::LinkKind;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, interval, timeout};

use super::strange_psk;
use crate::Outcome;

/// How long a stranger of the first flood waits to be refused.
const REFUSED_WITHIN: Duration = Duration::from_secs(3);

/// Addresses that half-open connections come from.
const ADDRESSES: u32 = 64;

/// Bytes of a first message that is never finished.
const HALF_BYTES: usize = 40;

/// Connections are made so many times a second at most; each time as many as are due.
const TICK: Duration = Duration::from_millis(2);

/// What a flood did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Flooded {
    pub(crate) opened: u64,
    /// Connections that the system itself refused.
    pub(crate) failed: u64,
    /// Open at the same time, at most, as seen from here.
    pub(crate) most_open: u64,
}

#[derive(Default)]
struct Counters {
    opened: AtomicU64,
    failed: AtomicU64,
    open: AtomicU64,
    most_open: AtomicU64,
}

/// `per_second` connections from one address that each show a first message under a strange key.
pub(super) async fn strangers(
    to: SocketAddr,
    from: [u8; 4],
    per_second: u32,
    time: Duration,
) -> Flooded {
    let opening = opening().unwrap_or_default();
    let total = (f64::from(per_second) * time.as_secs_f64()) as u32;
    let from = IpAddr::V4(Ipv4Addr::from(from));
    paced(total, time, move |_| {
        let opening = opening.clone();
        async move {
            let stream = connect(from, to).await?;
            Ok((stream, opening, REFUSED_WITHIN))
        }
    })
    .await
}

/// `count` connections over the time, from many addresses, that say nothing or half of something
/// and stay.
pub(super) async fn half_open(to: SocketAddr, count: u32, time: Duration) -> Flooded {
    let mut half = opening().unwrap_or_default();
    half.truncate(HALF_BYTES);
    paced(count, time, move |number| {
        let bytes = if number % 2 == 0 { half.clone() } else { Vec::new() };
        let from = Ipv4Addr::new(127, 0, 1, (number % ADDRESSES) as u8 + 1);
        async move {
            let stream = connect(IpAddr::V4(from), to).await?;
            Ok((stream, bytes, time))
        }
    })
    .await
}

/// Makes `total` connections evenly over `time`; each says its bytes and stays until it is closed,
/// or for the time that comes with it.
async fn paced<C>(total: u32, time: Duration, connect: impl Fn(u32) -> C) -> Flooded
where
    C: Future<Output = io::Result<(TcpStream, Vec<u8>, Duration)>> + Send + 'static,
{
    let counters = Arc::new(Counters::default());
    let started = Instant::now();
    let mut tick = interval(TICK);
    let mut number = 0;
    while number < total {
        tick.tick().await;
        let due = f64::from(total) * started.elapsed().as_secs_f64() / time.as_secs_f64();
        while f64::from(number) < due && number < total {
            tokio::spawn(visit(connect(number), counters.clone()));
            number += 1;
        }
    }
    tokio::time::sleep_until(started + time).await;
    let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let Counters { opened, failed, most_open, .. } = &*counters;
    Flooded { opened: value(opened), failed: value(failed), most_open: value(most_open) }
}

async fn visit(
    connect: impl Future<Output = io::Result<(TcpStream, Vec<u8>, Duration)>>,
    counters: Arc<Counters>,
) {
    let Ok((mut stream, bytes, stay)) = connect.await else {
        counters.failed.fetch_add(1, Ordering::Relaxed);
        return;
    };
    counters.opened.fetch_add(1, Ordering::Relaxed);
    let open = counters.open.fetch_add(1, Ordering::Relaxed) + 1;
    counters.most_open.fetch_max(open, Ordering::Relaxed);
    // A refusal shows as an end of the stream or as a reset; both are what a stranger expects.
    if stream.write_all(&bytes).await.is_ok() {
        let _ = timeout(stay, stream.read(&mut [0; 1])).await;
    }
    counters.open.fetch_sub(1, Ordering::Relaxed);
}

/// Connects from an address of one's own.
pub(super) async fn connect(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What a dialer of another mesh says first.
pub(super) fn opening() -> Outcome<Vec<u8>> {
    let random = Random::system();
    let node_key = NodeKey::generate(&random);
    Ok(Dialer::new(LinkKind::Control, &strange_psk(), &node_key, &random)?.1)
}
