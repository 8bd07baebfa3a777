//! Health and readiness through a worker's life.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use meshwork_worker::http::dto::{Health, NodeInfo, Readiness, State};
use meshwork_worker::{CallOptions, Context};

use crate::SCHEMA;
use crate::support::{Mesh, soon};
use crate::web::Web;

fn reason(text: &str) -> String {
    let readiness: Readiness = serde_json::from_str(text).unwrap();
    assert!(!readiness.ready);
    readiness.reason.unwrap()
}

#[tokio::test]
async fn a_worker_is_ready_when_a_call_to_itself_gets_through() {
    let mesh = Mesh::start(SCHEMA).await;
    // All addresses: it has to find out where it reaches itself.
    for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
        let buyer = mesh.worker("buyer").listen(listen).http_listen("127.0.0.1:0");
        let buyer = soon("the buyer", buyer.start()).await.unwrap();
        let web = Web::of(&buyer);
        assert_eq!(web.read::<Health>("/healthz").await, Health { status: "ok".to_owned() });
        // On a busy machine the first call to itself may take too long.
        let ready = web.until("/readyz", 200).await;
        let ready: Readiness = serde_json::from_str(&ready).unwrap();
        assert_eq!(ready, Readiness { ready: true, reason: None });
        assert_eq!(buyer.connected_peers(), [], "its link to itself is no peer");
        soon("the end", buyer.shutdown()).await;
        assert_eq!(web.until("/healthz", 0).await, "", "nothing is served any more");
    }
}

#[tokio::test]
async fn without_a_master_it_is_alive_and_not_ready() {
    let mut mesh = Mesh::start(SCHEMA).await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let web = Web(free.local_addr().unwrap());
    drop(free);
    let buyer = mesh.worker("buyer").http_listen(web.0.to_string());
    mesh.stop_master().await;
    let starting = tokio::spawn(buyer.start());
    web.until("/healthz", 200).await;
    assert!(reason(&web.until("/readyz", 503).await).contains("not a member of the mesh yet"));
    let node: NodeInfo = web.read("/v1/node").await;
    assert_eq!((node.state, node.incarnation.0, node.schema), (State::Joining, 0, None));
    starting.abort();
    // A start that is given up leaves nothing running.
    web.until("/healthz", 0).await;
}

#[tokio::test]
async fn losing_the_master_leaves_it_ready() {
    let mut mesh = Mesh::start(SCHEMA).await;
    let buyer = mesh.worker("buyer").http_listen("127.0.0.1:0");
    let buyer = soon("the buyer", buyer.start()).await.unwrap();
    mesh.stop_master().await;
    let web = Web::of(&buyer);
    let has_lost_it = async { while web.read::<NodeInfo>("/v1/node").await.has_master {} };
    soon("the end of the link", has_lost_it).await;
    web.until("/readyz", 200).await;
}

#[tokio::test]
async fn a_handler_that_spins_takes_readiness_and_not_life() {
    let mesh = Mesh::start(SCHEMA).await;
    let spinning = Arc::new(AtomicBool::new(true));
    let spins = spinning.clone();
    let shop = mesh.worker("shop").lanes(1).http_listen("127.0.0.1:0");
    let shop = shop.handle_raw("sell", move |_: Context, bytes: Bytes| {
        let spins = spins.clone();
        async move {
            while spins.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            Ok(bytes)
        }
    });
    let shop = soon("the shop", shop.start()).await.unwrap();
    let web = Web::of(&shop);
    web.until("/readyz", 200).await;
    let buyer = soon("the buyer", mesh.worker("buyer").start()).await.unwrap();
    let selling = tokio::spawn(async move {
        let ready = CallOptions { wait_for_ready: true, ..CallOptions::default() };
        buyer.call_raw("shop", "sell", "apple").options(ready).await
    });
    assert!(reason(&web.until("/readyz", 503).await).contains("no answer within 1000 ms"));
    for _ in 0..10 {
        assert_eq!(web.get("/healthz").await.0, 200, "its lane is held up, its HTTP is not");
    }
    spinning.store(false, Ordering::Relaxed);
    web.until("/readyz", 200).await;
    soon("the call", selling).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_worker_that_drains_is_alive_and_not_ready() {
    let mesh = Mesh::start(SCHEMA).await;
    let (entered, mut in_it) = tokio::sync::mpsc::channel(1);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opens = gate.clone();
    let shop = mesh.worker("shop").http_listen("127.0.0.1:0");
    let shop = shop.handle_raw("sell", move |_: Context, bytes: Bytes| {
        let (entered, opens) = (entered.clone(), opens.clone());
        async move {
            let _ = entered.send(()).await;
            let _permit = opens.acquire().await;
            Ok(bytes)
        }
    });
    let shop = soon("the shop", shop.start()).await.unwrap();
    let web = Web::of(&shop);
    let buyer = soon("the buyer", mesh.worker("buyer").start()).await.unwrap();
    let selling = tokio::spawn(async move { buyer.call_raw("shop", "sell", "apple").await });
    soon("the call", in_it.recv()).await.unwrap();
    let leaving = tokio::spawn(async move { shop.shutdown().await });
    assert!(reason(&web.until("/readyz", 503).await).contains("drains"));
    assert_eq!(web.get("/healthz").await.0, 200);
    assert_eq!(web.read::<NodeInfo>("/v1/node").await.state, State::Draining);
    gate.add_permits(1);
    soon("the call", selling).await.unwrap().unwrap();
    soon("the end", leaving).await.unwrap();
}
