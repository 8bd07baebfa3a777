//! What the programs of the benchmark share: the one that measures this project (`bench/`) and the
//! one that measures what people would use instead (`bench/peers/`). Nothing of the project itself
//! is in here, so that the peers are built without it.
//!
//! * [`child`]: processes held to a core each
//! * [`tally`]: counts calls and times some of them
//! * [`jobs`]: jobs through a queue, produced and consumed
//! * [`measurement`]: the figures of one window
//! * [`process`]: what the system tells of a process
//! * [`outcome`]: how everything here ends
#![forbid(unsafe_code)]

pub mod child;
pub mod jobs;
pub mod measurement;
pub mod outcome;
pub mod process;
pub mod tally;

pub use outcome::Outcome;
