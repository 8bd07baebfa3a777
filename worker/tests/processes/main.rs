//! Hostile cases that need real faults: processes that are stopped and killed, networks that go
//! silent, masters that are none. Names with a row are those of `docs/SECURITY.md`.
//!
//! Children are the example `echo`; `cargo test` and `cargo nextest run` build it, with
//! `--test processes` alone it must be built before: `cargo build -p meshwork-worker --example
//! echo`.
#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod child;
mod fake_master;
mod faults;
mod masters;
mod networks;
mod people;
mod pings;
mod proxy;
mod secrets;
mod spin;
#[path = "../support/mod.rs"]
mod support;
