//! What a worker counts of itself: [`Worker::metrics`](crate::Worker::metrics) reads it,
//! `GET /metrics` shows it to Prometheus, `docs/OBSERVABILITY.md` says what each figure means.
//!
//! * `meter.rs`: what the path of a call counts
//! * `tally.rs`: links, dials and refusals
//! * `figures.rs`: [`Metrics`], all of it at one moment
//! * `render.rs`: the same as text for Prometheus
//! * `depths.rs`: how full queues are, asked of their store now and then

pub(crate) mod depths;
mod figures;
pub(crate) mod meter;
mod render;
pub(crate) mod tally;

pub(crate) use figures::calls;
pub use figures::{CallFigures, Direction, Metrics, PeerFigures};
