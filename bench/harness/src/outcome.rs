//! How everything here ends: well, or with a line of text for whoever started the benchmark.

/// A value, or what went wrong.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
