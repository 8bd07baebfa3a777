//! The Redis backend keeps the contract, on real servers.
#![cfg(feature = "redis")]

use std::sync::Arc;

use meshwork_queue::{QueueBackend, RedisBackend};
use meshwork_shared::ids::MeshId;
use meshwork_shared::random::Random;

mod bodies;
mod bounds;
#[macro_use]
#[path = "../contract/mod.rs"]
mod contract;
mod foreign;
mod leases;
mod lost;
mod outage;
#[path = "../processes/mod.rs"]
mod processes;
mod proxy;
mod server;
mod topology;

use server::{Server, is_installed};

async fn open(url: &str) -> Arc<dyn QueueBackend> {
    let url = url.parse().expect("a valid address");
    Arc::new(RedisBackend::new(&url, MeshId([1; 16]), Random::system()).expect("it opens"))
}

#[tokio::test]
async fn a_server_keeps_the_contract() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    contract::run(async || open(&server.url()).await).await;
}

/// Not a test by itself: what the processes of the other tests run.
#[test]
fn role() {
    processes::play(open);
}

#[tokio::test]
async fn a_server_keeps_the_contract_between_processes() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]).await;
    processes::run(&server.url(), open).await;
}

#[tokio::test]
async fn a_cluster_keeps_the_contract() {
    if !is_installed() {
        return;
    }
    let servers = server::cluster().await;
    let url = cluster_url(&servers);
    contract::run(async || open(&url).await).await;
}

#[tokio::test]
async fn a_cluster_keeps_the_contract_between_processes() {
    if !is_installed() {
        return;
    }
    let servers = server::cluster().await;
    processes::run(&cluster_url(&servers), open).await;
}

fn cluster_url(servers: &[Server]) -> String {
    format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", servers[0].port, servers[1].port)
}
