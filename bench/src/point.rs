//! The points of the benchmark: what is measured, with which payload, how many calls in flight.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::what::What;

/// Calls in flight of the points that are measured at every depth.
const IN_FLIGHT: [usize; 3] = [1, 64, 1024];

/// Bytes of the messages that small calls are measured beside: the largest by default.
pub(crate) const LARGE_BYTES: usize = 8 << 20;

/// What a call carries, and its reply too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// So many raw bytes.
    Raw(usize),
    /// A struct of five fields as JSON.
    Json,
}

/// One point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) what: What,
    pub(crate) payload: Payload,
    pub(crate) in_flight: usize,
}

/// Five fields, as a program would send them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) customer: String,
    pub(crate) article: String,
    pub(crate) quantity: u32,
    pub(crate) price: f64,
}

impl Order {
    pub(crate) fn sample() -> Self {
        Self {
            id: 4_817_233,
            customer: "Ada Lovelace".to_owned(),
            article: "analytical engine".to_owned(),
            quantity: 2,
            price: 1842.5,
        }
    }
}

impl Payload {
    /// The bytes of a small call.
    const SMALL: Self = Self::Raw(64);

    const RAW: [Self; 3] = [Self::SMALL, Self::Raw(1024), Self::Raw(64 << 10)];

    /// The bytes of one message of it.
    pub(crate) fn bytes(self) -> Bytes {
        match self {
            Self::Raw(len) => Bytes::from(vec![0x5a; len]),
            // A struct of numbers and texts always encodes.
            Self::Json => Bytes::from(serde_json::to_vec(&Order::sample()).unwrap_or_default()),
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw(len) => write!(f, "{len}"),
            Self::Json => f.write_str("json"),
        }
    }
}

impl FromStr for Payload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            len => len.parse().map(Self::Raw).map_err(|_| format!("{text:?} is no payload")),
        }
    }
}

impl Point {
    /// Payload and depth, the same for all that is compared.
    pub(crate) fn size(&self) -> String {
        format!("{}x{}", self.payload, self.in_flight)
    }

    /// What this point is measured against; for structs, 64 raw bytes.
    pub(crate) fn limit(&self) -> Self {
        let payload = if self.payload == Payload::Json { Payload::SMALL } else { self.payload };
        Self { what: self.what.limit(), payload, ..*self }
    }

    /// The call that a peer is compared with.
    pub(crate) fn call(&self) -> Self {
        Self { what: What::Call, ..*self }
    }

    /// Whether this point says little without the other one.
    fn needs(&self, other: &Self) -> bool {
        self.limit() == *other || (self.what.is_peer() && self.call() == *other)
    }

    fn is_named(&self, name: &str) -> bool {
        let (what, size) = (self.what.name(), self.size());
        name == what
            || (self.what.is_peer() && name == PEERS)
            || (self.what.is_named_by_size() && name == size)
            || name == format!("{what}/{size}")
    }
}

/// Name of all peers together.
const PEERS: &str = "peers";

/// Name of the measurement of many links, which is no closed loop.
pub(crate) const LINKS: &str = "links";

/// What is to be measured.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice {
    /// In order: a limit first, what is compared with it right after.
    pub(crate) points: Vec<Point>,
    /// Many links to one worker as well.
    pub(crate) links: bool,
}

impl Choice {
    /// All that `only` names, with what it is compared with; everything if it names nothing. The
    /// peers are part of it `with_peers` only.
    ///
    /// # Errors
    /// A name that nothing has.
    pub(crate) fn named(only: &[String], with_peers: bool) -> Result<Self, String> {
        let among = |point: &Point| with_peers || !point.what.is_peer();
        let all: Vec<Point> = all_points().filter(among).collect();
        let is_known = |name: &str| name == LINKS || all.iter().any(|point| point.is_named(name));
        if let Some(name) = only.iter().find(|name| !is_known(name)) {
            let whats: Vec<_> = What::value_variants().iter().map(|what| what.name()).collect();
            return Err(format!(
                "no point is called {name:?}: say one of {}, {LINKS}, a size such as 64x1024 or \
                 jsonx1, or both as in link/64x1024; those of peers need --peers",
                whats.join(", ")
            ));
        }
        let is_named = |point: &Point| only.iter().any(|name| point.is_named(name));
        let chosen = |point: &Point| only.is_empty() || is_named(point);
        let wanted = |point: &&Point| {
            chosen(point) || all.iter().any(|other| other.needs(point) && chosen(other))
        };
        let links = only.is_empty() || only.iter().any(|name| name == LINKS);
        Ok(Self { points: all.iter().filter(wanted).copied().collect(), links })
    }
}

fn all_points() -> impl Iterator<Item = Point> {
    let sizes = Payload::RAW
        .into_iter()
        .flat_map(|payload| IN_FLIGHT.map(|in_flight| (payload, in_flight)));
    let every_size = sizes.flat_map(|(payload, in_flight)| {
        let raw = What::EVERY_SIZE.into_iter().map(move |what| Point { what, payload, in_flight });
        let json = Point { what: What::CallJson, payload: Payload::Json, in_flight };
        let peers = What::PEERS.into_iter().map(move |what| Point { what, payload, in_flight });
        raw.chain((payload == Payload::SMALL).then_some(json)).chain(peers)
    });
    let small = |what, in_flight| Point { what, payload: Payload::SMALL, in_flight };
    every_size.chain([
        small(What::Single32, 64),
        small(What::Broadcast32, 64),
        small(What::Limit8, 64),
        small(What::Eight, 64),
        small(What::Alone, 1),
        small(What::Beside, 1),
        small(What::Alone, 8),
        small(What::Beside, 8),
        small(What::Plain, 64),
        small(What::Metrics, 64),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(only: &[&str]) -> Vec<String> {
        labels_of(only, false)
    }

    fn labels_of(only: &[&str], with_peers: bool) -> Vec<String> {
        let only: Vec<String> = only.iter().map(|&name| name.to_owned()).collect();
        let points = Choice::named(&only, with_peers).unwrap().points;
        points.iter().map(|point| format!("{}/{}", point.what.name(), point.size())).collect()
    }

    #[test]
    fn a_point_is_measured_with_its_limit() {
        assert_eq!(labels(&["link/64x1024"]), ["limit/64x1024", "link/64x1024"]);
        assert_eq!(labels(&["jsonx1"]), ["limit/64x1", "call_json/jsonx1"]);
        assert_eq!(labels(&["limit"]).len(), 9);
        assert_eq!(labels(&["broadcast32"]), ["single32/64x64", "broadcast32/64x64"]);
        assert_eq!(labels(&["64x64"]), ["limit/64x64", "pieces/64x64", "link/64x64", "call/64x64"]);
    }

    #[test]
    fn links_are_measured_when_named_or_with_everything() {
        assert!(Choice::named(&[], false).unwrap().links);
        assert!(!Choice::named(&["call".to_owned()], false).unwrap().links);
        assert_eq!(labels(&["links"]), [""; 0]);
    }

    #[test]
    fn a_peer_is_measured_with_its_limit_and_the_call() {
        assert_eq!(labels_of(&["nats/64x64"], true), ["limit/64x64", "call/64x64", "nats/64x64"]);
        assert_eq!(labels_of(&["peers"], true).len(), 9 * 6);
        assert_eq!(labels_of(&["64x64"], true).len(), 8);
    }

    #[test]
    fn an_unknown_point_is_refused_with_what_there_is() {
        let refused = Choice::named(&["64x2".to_owned()], false).unwrap_err();
        assert!(refused.contains("64x1024"), "{refused}");
        let refused = Choice::named(&["nats".to_owned()], false).unwrap_err();
        assert!(refused.contains("--peers"), "{refused}");
    }

    #[test]
    fn payloads_read_back() {
        for payload in Payload::RAW.into_iter().chain([Payload::Json]) {
            assert_eq!(payload.to_string().parse(), Ok(payload));
        }
        assert!("large".parse::<Payload>().is_err());
    }
}
