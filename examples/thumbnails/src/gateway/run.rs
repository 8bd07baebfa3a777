//! All pictures, several under way at a time.

use std::path::PathBuf;

use futures_util::StreamExt;
use futures_util::stream;
use meshwork_worker::Worker;

use super::order::{Outcome, Plan, Room, carry_out};
use super::progress::Progress;

/// Has all pictures shrunk, at most `in_flight` at a time and within the bytes of [`Room`].
/// The outcomes come in the order of the pictures.
pub async fn run(
    worker: &Worker,
    plan: &Plan,
    pictures: &[PathBuf],
    in_flight: usize,
    progress: &Progress,
) -> Vec<Outcome> {
    let room = Room::default();
    let mut orders = stream::iter(pictures.iter().enumerate())
        .map(|(nth, path)| {
            let order = carry_out(worker, plan, &room, path);
            async move { (nth, order.await) }
        })
        .buffer_unordered(in_flight.max(1));
    let mut outcomes = Vec::with_capacity(pictures.len());
    while let Some((nth, outcome)) = orders.next().await {
        progress.advance(&outcome);
        outcomes.push((nth, outcome));
    }
    outcomes.sort_by_key(|(nth, _)| *nth);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}
