//! The worker's own HTTP as its users see it.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod bounds;
mod health;
mod metrics;
mod shapes;
#[path = "../support/mod.rs"]
mod support;
mod web;

/// A shop that sells at once or after a while, and a buyer.
const SCHEMA: &str = r#"
[shop]
_allow = ["buyer"]
[shop._commands._balanced]
sell = {}
[buyer]
_connect = ["shop"]
"#;
