//! Whoever holds the secret: joins again and again, or calls over a link that stays.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use meshwork_shared::handshake::{Introduction, Peer};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::link::connect::{Dialing, connect};
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::lanes::Lanes;
use meshwork_shared::net::Network;
use meshwork_shared::random::Random;
use meshwork_shared::secret::LinkKind;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use super::psk;
use crate::{Outcome, link};

/// Between two joins.
const JOIN_EVERY: Duration = Duration::from_millis(50);

/// After a dial that failed; a worker waits about as long at first.
const DIAL_AGAIN: Duration = Duration::from_millis(50);

/// Between the starts of two calls.
const CALL_EVERY: Duration = Duration::from_millis(1);

/// Bytes of a call.
const CALL_BYTES: usize = 64;

/// Largest time that is told from larger ones, microseconds.
const TIME_US_MAX: u64 = 60_000_000;

/// How joins went.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Joins {
    pub(crate) joins: u64,
    /// Dials that failed before.
    pub(crate) failed_dials: u64,
    pub(crate) time: Latencies,
}

/// How long things took, microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Latencies {
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) max_us: u64,
}

impl Latencies {
    fn of(times: &Histogram<u64>) -> Self {
        Self {
            p50_us: times.value_at_quantile(0.5),
            p99_us: times.value_at_quantile(0.99),
            max_us: times.max(),
        }
    }
}

/// Joins for `time`: a join is a handshake and one answered call, with all dials that it took.
pub(super) async fn join(to: SocketAddr, time: Duration) -> Outcome<Joins> {
    let (random, lanes) = (Random::system(), Lanes::start(0)?);
    let (mut joins, mut failed_dials) = (0, 0);
    let mut times = Histogram::new_with_max(TIME_US_MAX, 3)?;
    let until = Instant::now() + time;
    while Instant::now() < until {
        let started = Instant::now();
        let link = loop {
            match dial(to, &random, &lanes).await {
                Ok(link) if link::call(&link, Bytes::new()).await.is_some() => break link,
                Ok(_) | Err(_) => failed_dials += 1,
            }
            if started.elapsed() > time {
                return Err("nobody who holds the secret gets in".into());
            }
            sleep(DIAL_AGAIN).await;
        };
        times.saturating_record(started.elapsed().as_micros() as u64);
        joins += 1;
        link.close(CloseCode::Leaving, "");
        sleep(JOIN_EVERY).await;
    }
    Ok(Joins { joins, failed_dials, time: Latencies::of(&times) })
}

/// Calls once a millisecond for `time` over one link.
pub(super) async fn live(to: SocketAddr, time: Duration) -> Outcome<Latencies> {
    let lanes = Lanes::start(0)?;
    let link = dial(to, &Random::system(), &lanes).await?;
    let mut times = Histogram::new_with_max(TIME_US_MAX, 3)?;
    let body = Bytes::from(vec![0x5a; CALL_BYTES]);
    let until = Instant::now() + time;
    while Instant::now() < until {
        let started = Instant::now();
        link::call(&link, body.clone()).await.ok_or("a live call failed")?;
        times.saturating_record(started.elapsed().as_micros() as u64);
        sleep_until(started + CALL_EVERY).await;
    }
    Ok(Latencies::of(&times))
}

async fn dial(to: SocketAddr, random: &Random, lanes: &Lanes) -> Outcome<Link> {
    let dialing = Dialing {
        kind: LinkKind::Control,
        psk: &psk(),
        node_key: &NodeKey::generate(random),
        random,
        limits: &Limits::default(),
    };
    let judge = |_: &Peer| Ok::<_, String>(Introduction::default());
    let connected = connect(Network::Tcp, &to.to_string(), dialing, judge).await?;
    Ok(link::start(connected.established, lanes)?)
}
