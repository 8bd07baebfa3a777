//! What is counted, as the library and as Prometheus read it.

use std::collections::BTreeSet;

use bytes::Bytes;
use meshwork_worker::metrics::{CallFigures, Direction};
use meshwork_worker::{Context, Failure, Worker};

use crate::support::{Mesh, eventually, soon};
use crate::web::Web;

const SCHEMA: &str = r#"
[shop]
_allow = ["buyer"]
[shop._commands._balanced]
sell = {}
wrap = { queued = true }
hide = { allow = [] }
[shop._commands._broadcast]
close = { responds = true }
[buyer]
_connect = ["shop"]
"#;

async fn figures(worker: &Worker, command: &str, direction: Direction) -> CallFigures {
    let calls = worker.metrics().await.calls;
    let found =
        calls.into_iter().find(|call| call.command == command && call.direction == direction);
    found.unwrap_or_else(|| panic!("no figures of {command}"))
}

/// A shop that sells as it is asked to, closes when it has yielded once, and wraps jobs.
async fn shop(mesh: &Mesh) -> Worker {
    let shop = mesh.worker("shop").http_listen("127.0.0.1:0");
    let shop = shop.handle_raw("sell", |_: Context, bytes: Bytes| async move {
        match &bytes[..] {
            b"no" => Err(Failure::new("sold_out", "nothing is left")),
            b"never" => std::future::pending().await,
            b"panic" => panic!("as asked"),
            _ => Ok(bytes),
        }
    });
    let shop = shop.handle_raw("close", |_: Context, bytes: Bytes| async move {
        tokio::task::yield_now().await;
        Ok(bytes)
    });
    let shop = shop.handle_raw("wrap", |_: Context, bytes: Bytes| async move { Ok(bytes) });
    let shop = shop.handle_raw("hide", |_: Context, bytes: Bytes| async move { Ok(bytes) });
    soon("the shop", shop.start()).await.unwrap()
}

#[tokio::test]
async fn every_call_is_counted_once_at_each_end() {
    let mesh = Mesh::start(SCHEMA).await;
    let shop = shop(&mesh).await;
    let buyer = mesh.worker("buyer").http_listen("127.0.0.1:0");
    let buyer = soon("the buyer", buyer.start()).await.unwrap();
    eventually("they are linked", || buyer.connected_peers().len() == 1).await;
    for _ in 0..40 {
        buyer.call_raw("shop", "sell", "yes").await.unwrap();
    }
    for bad in ["no", "panic"] {
        buyer.call_raw("shop", "sell", bad).await.unwrap_err();
    }
    let never = buyer.call_raw("shop", "sell", "never");
    tokio::time::timeout(std::time::Duration::from_millis(50), never).await.unwrap_err();
    for _ in 0..3 {
        assert_eq!(buyer.broadcast_raw("shop", "close", "now").await.len(), 1);
    }
    let variant = shop.identity().variant;
    let peer = buyer.peer("shop", variant.as_str()).unwrap();
    peer.call_json("sell", &serde_json::json!(1)).await.unwrap_err();
    buyer.enqueue_raw("shop", "wrap", "apple").await.unwrap();

    // The direct call was answered with bytes that are no JSON: what the handler did went well, and
    // its caller does not know.
    let out = figures(&buyer, "shop.sell", Direction::Out).await;
    assert_eq!((out.ok, out.failed, out.cancelled), (40, 2, 1), "{out:?}");
    assert_eq!((out.not_executed, out.unknown, out.durations.count()), (0, 1, 40));
    assert!(out.durations.sum_ns > 0);
    // The callee learns of a withdrawn call a little later.
    while figures(&shop, "shop.sell", Direction::In).await.cancelled == 0 {
        tokio::task::yield_now().await;
    }
    let served = figures(&shop, "shop.sell", Direction::In).await;
    assert_eq!((served.ok, served.failed, served.cancelled), (41, 2, 1), "{served:?}");
    assert_eq!(served.durations.count(), 48, "one in 16 stands for all: at 0, 16 and 32");
    let closed = figures(&shop, "shop.close", Direction::In).await;
    assert_eq!((closed.ok, closed.durations.count()), (3, 3), "one that waits is timed itself");
    assert_eq!(figures(&buyer, "shop.close", Direction::Out).await.ok, 3);
    assert_eq!(figures(&buyer, "shop.wrap", Direction::Out).await.ok, 1, "an enqueue is a call");
    while figures(&shop, "shop.wrap", Direction::In).await.ok == 0 {
        tokio::task::yield_now().await;
    }

    let text = Web::of(&shop).get("/metrics").await.1;
    for line in [
        "meshwork_calls_total{command=\"shop.sell\",direction=\"in\",outcome=\"ok\"} 41",
        "meshwork_calls_total{command=\"shop.sell\",direction=\"in\",outcome=\"failed\"} 2",
        "meshwork_links{worker=\"buyer\"} 1",
        "meshwork_handshakes_total{cause=\"accepted\"} 1",
        "meshwork_master_connected 1",
        "meshwork_jobs_running{queue=\"shop.wrap\"} 0",
        "meshwork_queue_dead_dropped_total{queue=\"shop.wrap\"} 0",
        "meshwork_queue_reachable{queue=\"shop.wrap\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
    let text = Web::of(&buyer).get("/metrics").await.1;
    assert!(
        text.contains("meshwork_calls_total{command=\"shop.sell\",direction=\"out\""),
        "{text}"
    );
    assert!(!text.contains("shop.hide"), "what may not be called is not listed");
}

#[tokio::test]
async fn the_text_is_what_prometheus_reads_and_is_documented() {
    let mesh = Mesh::start(SCHEMA).await;
    let shop = mesh.worker("shop").http_listen("127.0.0.1:0");
    let shop = shop.handle_raw("wrap", |_: Context, bytes: Bytes| async move { Ok(bytes) });
    let shop = soon("the shop", shop.start()).await.unwrap();
    let text = Web::of(&shop).get("/metrics").await.1;
    let document = include_str!("../../../docs/OBSERVABILITY.md");
    let mut names = BTreeSet::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap();
            assert!(names.insert(family), "{family} comes twice");
            assert!(document.contains(&format!("`{family}`")), "{family} is not documented");
        } else if !line.starts_with("# HELP ") {
            assert!(line.starts_with(family), "{line} stands under {family}");
            let (_, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap();
        }
    }
    assert!(names.len() > 20, "{names:?}");
}

#[tokio::test]
async fn calls_of_what_is_not_served_have_no_label_of_their_own() {
    let mesh = Mesh::start(SCHEMA).await;
    let shop = soon("the shop", mesh.worker("shop").start()).await.unwrap();
    let buyer = soon("the buyer", mesh.worker("buyer").start()).await.unwrap();
    eventually("they are linked", || buyer.connected_peers().len() == 1).await;
    for n in 0..100 {
        buyer.call_raw("shop", &format!("made-up-{n}"), "").await.unwrap_err();
    }
    for worker in [&buyer, &shop] {
        let text = worker.metrics().await.to_string();
        assert!(!text.contains("made-up"), "{text}");
    }
}
