//! What a worker tells of itself and of its peers.

use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::protocol::Status;
use meshwork_worker::Context;
use meshwork_worker::http::dto::{NodeInfo, PeerList, State};
use tokio::time::Instant;

use crate::SCHEMA;
use crate::support::{Mesh, eventually, soon};
use crate::web::Web;

#[tokio::test]
async fn a_worker_says_who_it_is_and_whom_it_knows() {
    let mesh = Mesh::start(SCHEMA).await;
    let echo = |_: Context, bytes: Bytes| async move { Ok(bytes) };
    let shop = mesh.worker("shop").variant("corner").handle_raw("sell", echo);
    let shop = soon("the shop", shop.start()).await.unwrap();
    let buyer = mesh.worker("buyer").variant("anna").http_listen("127.0.0.1:0");
    let begun = Instant::now();
    let buyer = soon("the buyer", buyer.start()).await.unwrap();
    eventually("they are linked", || buyer.connected_peers().len() == 1).await;
    let web = Web::of(&buyer);

    let node: NodeInfo = web.read("/v1/node").await;
    let me = buyer.identity();
    assert_eq!((node.worker, node.variant), (me.worker, me.variant));
    assert_eq!((node.incarnation, node.node), (me.incarnation, me.node));
    assert_eq!((node.state, node.has_master, node.running), (State::Ready, true, 0));
    assert_eq!((node.listen, node.grace_ms), (buyer.listen_addr(), 25_000));
    let schema = mesh.master().schema().await.unwrap();
    let shown = node.schema.unwrap();
    assert_eq!((shown.number, shown.fingerprint), (schema.number, schema.fingerprint));

    let peers: PeerList = web.read("/v1/peers").await;
    let [peer] = &peers.peers[..] else { panic!("{peers:?}") };
    assert_eq!((peer.worker.as_str(), peer.variant.as_str()), ("shop", "corner"));
    assert_eq!(peer.incarnation, shop.identity().incarnation);
    assert_eq!((peer.linked, peer.draining, peer.in_flight), (true, false, 0));
    assert!(matches!(peer.status, None | Some(Status::Ready)), "{peer:?}");
    // The first PING is sent after five seconds.
    let is_due = begun.elapsed() >= Duration::from_secs(5);
    assert!(peer.round_trip_us.is_none() || is_due, "no PING was due yet: {peer:?}");
    let mut took_us = None;
    for _ in 0..400 {
        took_us = web.read::<PeerList>("/v1/peers").await.peers[0].round_trip_us;
        if took_us.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!((1..20_000_000).contains(&took_us.unwrap()), "{took_us:?}");
    let metrics = buyer.metrics().await;
    assert!(metrics.peers["shop"].round_trip_max.is_some());
    let sample = "meshwork_round_trip_max_seconds{worker=\"shop\"} ";
    assert!(metrics.to_string().contains(sample), "{metrics}");
}

#[tokio::test]
async fn no_secret_is_in_any_answer() {
    let mesh = Mesh::start(SCHEMA).await;
    let buyer = mesh.worker("buyer").http_listen("127.0.0.1:0");
    let buyer = soon("the buyer", buyer.start()).await.unwrap();
    let secret = mesh.secret.expose_text();
    let (_, key) = secret.as_str().split_once('_').unwrap();
    for path in ["/healthz", "/readyz", "/v1/node", "/v1/peers", "/nothing"] {
        let (_, text) = Web::of(&buyer).get(path).await;
        assert!(!text.is_empty() && !text.contains(key), "{path}: {text}");
    }
}
