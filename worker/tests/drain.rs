//! A worker that leaves under load costs no call.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use meshwork_worker::{Command, Context};
use serde::{Deserialize, Serialize};
use support::Mesh;

const SCHEMA: &str = r#"
[shop]
_allow = ["buyer"]
[shop._commands._balanced]
sell = {}
[buyer]
_connect = ["shop"]
"#;

#[derive(Clone, Serialize, Deserialize)]
struct Sell(u32);
impl Command for Sell {
    const WORKER: &'static str = "shop";
    const NAME: &'static str = "sell";
    type Reply = u32;
}

#[tokio::test]
async fn a_drain_under_load_costs_no_call() {
    let mesh = Mesh::start(SCHEMA).await;
    let start = |variant: &'static str| {
        let shop = mesh.worker("shop").variant(variant);
        shop.handle(|_: Context, Sell(n)| async move { Ok(n) }).start()
    };
    let _stays = start("stays").await.unwrap();
    let buyer = mesh.worker("buyer").start().await.unwrap();
    for round in 0..5 {
        let leaves = start("leaves").await.unwrap();
        support::eventually("both are linked", || buyer.connected_peers().len() == 2).await;
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..64)
            .map(|n| {
                let (buyer, stop) = (buyer.clone(), stop.clone());
                tokio::spawn(async move {
                    let mut calls = 0;
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(buyer.call(Sell(n)).await, Ok(n), "in round {round}");
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        leaves.shutdown().await;
        stop.store(true, Ordering::Relaxed);
        let mut calls = 0;
        for caller in callers {
            calls += caller.await.unwrap();
        }
        assert!(calls > 64, "there was load");
    }
}
