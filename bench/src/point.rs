//! The points of the benchmark: what is measured, with which payload, how many calls in flight.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Calls in flight of the points.
const IN_FLIGHT: [usize; 3] = [1, 64, 1024];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum What {
    /// A bare encrypted echo over one connection: what can be reached at best.
    Limit,
    /// Calls over a link, without the layers of a worker.
    Link,
    /// Calls as programs make them, through workers that a master admitted.
    Call,
    /// The same with types: the struct is encoded and decoded on both sides.
    CallJson,
}

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

impl What {
    /// Its name, as on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Link => "link",
            Self::Call => "call",
            Self::CallJson => "call_json",
        }
    }

    /// The role of the server that it needs.
    pub(crate) fn role(self) -> &'static str {
        if self == Self::CallJson { Self::Call.name() } else { self.name() }
    }
}

impl Payload {
    const ALL: [Self; 4] = [Self::Raw(64), Self::Raw(1024), Self::Raw(64 << 10), Self::Json];

    /// The bytes of one message of it.
    pub(crate) fn bytes(self) -> Bytes {
        match self {
            Self::Raw(len) => Bytes::from(vec![0x5a; len]),
            // A struct of numbers and texts always encodes.
            Self::Json => Bytes::from(serde_json::to_vec(&Order::sample()).unwrap_or_default()),
        }
    }

    fn is_served_as(self, what: What) -> bool {
        match what {
            What::Limit => true,
            What::Link | What::Call => self != Self::Json,
            What::CallJson => self == Self::Json,
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

    /// The limit of this point.
    pub(crate) fn limit(&self) -> Self {
        Self { what: What::Limit, ..*self }
    }

    fn is_named(&self, name: &str) -> bool {
        let (what, size) = (self.what.name(), self.size());
        name == what || name == size || name == format!("{what}/{size}")
    }
}

/// The points that `only` names, all if it names none, in the order to measure them: the limit of
/// a size first, what is compared with it right after.
///
/// # Errors
/// A name that no point has.
pub(crate) fn points(only: &[String]) -> Result<Vec<Point>, String> {
    let all: Vec<Point> = sizes()
        .flat_map(|(payload, in_flight)| {
            let whats = What::value_variants().iter().copied();
            let served = whats.filter(move |what| payload.is_served_as(*what));
            served.map(move |what| Point { what, payload, in_flight })
        })
        .collect();
    if let Some(name) = only.iter().find(|name| !all.iter().any(|point| point.is_named(name))) {
        let whats: Vec<_> = What::value_variants().iter().map(|what| what.name()).collect();
        return Err(format!(
            "no point is called {name:?}: say one of {}, a size such as 64x1024 or jsonx1, or both \
             as in link/64x1024",
            whats.join(", ")
        ));
    }
    let chosen = |point: &Point| only.is_empty() || only.iter().any(|name| point.is_named(name));
    let measured = |point: &Point| {
        let same_size = |other: &&Point| other.size() == point.size();
        chosen(point) || (point.what == What::Limit && all.iter().filter(same_size).any(chosen))
    };
    Ok(all.iter().filter(|point| measured(point)).copied().collect())
}

fn sizes() -> impl Iterator<Item = (Payload, usize)> {
    Payload::ALL.into_iter().flat_map(|payload| IN_FLIGHT.map(|in_flight| (payload, in_flight)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(only: &[&str]) -> Vec<String> {
        let only: Vec<String> = only.iter().map(|&name| name.to_owned()).collect();
        let points = points(&only).unwrap();
        points.iter().map(|point| format!("{}/{}", point.what.name(), point.size())).collect()
    }

    #[test]
    fn a_point_is_measured_with_its_limit() {
        assert_eq!(labels(&["link/64x1024"]), ["limit/64x1024", "link/64x1024"]);
        assert_eq!(labels(&["limit/jsonx1"]), ["limit/jsonx1"]);
        assert_eq!(labels(&["limit"]).len(), 12);
    }

    #[test]
    fn an_unknown_point_is_refused_with_what_there_is() {
        let refused = points(&["64x2".to_owned()]).unwrap_err();
        assert!(refused.contains("64x1024"), "{refused}");
    }

    #[test]
    fn payloads_read_back() {
        for payload in Payload::ALL {
            assert_eq!(payload.to_string().parse(), Ok(payload));
        }
        assert!("large".parse::<Payload>().is_err());
    }
}
