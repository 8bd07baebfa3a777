//! What the steps of a call cost by themselves, without a socket: where a figure of
//! `cargo xtask bench` is lost, this says which step lost it. Run by
//! `cargo bench -p meshwork-bench`, in under a minute.
//!
//! * `record`: encode and decode
//! * `frame`: seal and open
//! * `route`: what a caller does before the link takes over
//! * `dispatch`: what a link does with the calls of a frame
#![forbid(unsafe_code)]

mod dispatch;
mod frame;
mod record;
mod route;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Calls that are measured together: those of one batch at 64 in flight.
const BATCH: usize = 64;

/// Bytes of the body of a small call.
const BODY: [u8; 64] = [0x5a; 64];

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = micro;
    config = quick();
    targets = record::benchmark, frame::benchmark, route::benchmark, dispatch::benchmark
}
criterion_main!(micro);
