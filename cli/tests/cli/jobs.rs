//! Jobs for the tests of `meshwork queue`, and what it tells of their queue.

use meshwork_queue::NewJob;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use serde_json::Value;

/// The queue that most tests look at.
pub(crate) const RESIZE: &str = "thumbnailer.resize";

/// What jobs say: it must show nowhere.
pub(crate) const BODY: &[u8] = b"hunter2";

pub(crate) fn id(number: u16) -> JobId {
    let mut id = [0; 16];
    id[14..].copy_from_slice(&number.to_be_bytes());
    JobId(id)
}

pub(crate) fn job(number: u16) -> NewJob {
    let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
    NewJob::new(id(number), caller, variant, Codec::Raw, BODY)
}

/// Jobs of a queue as a row of `--json` tells them: ready, scheduled, running, dead.
pub(crate) fn depth_of(row: &Value) -> [u64; 4] {
    ["ready", "scheduled", "running", "dead"].map(|part| row[part].as_u64().unwrap())
}
