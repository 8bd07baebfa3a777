//! What a process counts of itself, and the text in which Prometheus reads it.
//! `docs/OBSERVABILITY.md` lists every metric.
//!
//! * [`Histogram`]: how long something took, counted without a lock
//! * [`Exposition`]: the text format
//! * [`ProcessFigures`]: processor time, memory and files of this process

mod exposition;
mod histogram;
mod process;

pub use exposition::{CONTENT_TYPE, Exposition, Kind};
pub use histogram::{BOUNDS_NS, Histogram, HistogramFigures};
pub use process::ProcessFigures;
