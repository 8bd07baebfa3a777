//! The file backend keeps the contract, in one process and in several.
#![cfg(feature = "file")]

use std::path::Path;
use std::sync::Arc;

use meshwork_queue::{FileBackend, FileOptions, QueueBackend};
use meshwork_shared::clock::Clock;
use meshwork_shared::random::Random;

#[macro_use]
mod contract;
mod processes;

async fn open(url: &str) -> Arc<dyn QueueBackend> {
    let options: FileOptions = url.parse().expect("a valid URL");
    Arc::new(FileBackend::open(options, Random::system(), Clock::system()).expect("it opens"))
}

fn url_of(folder: &Path) -> String {
    format!("file:{}", folder.join("jobs.db").display())
}

/// Not a test by itself: what the processes of the other tests run.
#[test]
fn role() {
    processes::play(open);
}

#[tokio::test]
async fn a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = url_of(folder.path());
    contract::run(async || open(&url).await).await;
}

#[tokio::test]
async fn a_file_keeps_the_contract_between_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    processes::run(&url_of(folder.path()), open).await;
}
