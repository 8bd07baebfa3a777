//! The file backend keeps the contract, in one process and in several.
#![cfg(feature = "file")]

use std::path::Path;
use std::sync::Arc;

use meshwork_queue::{FileBackend, FileOptions, QueueBackend};
use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;

mod contract;

fn open(path: &Path) -> Arc<dyn QueueBackend> {
    let options = FileOptions::new(path);
    Arc::new(FileBackend::open(options, Random::seeded(1), Clock::system()).expect("it opens"))
}

#[tokio::test]
async fn a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    contract::run(async || open(&folder.path().join("jobs.db"))).await;
}
