//! Those who look on live: what a ticket opens, how many there may be, and going on after a break.

use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Mesh, PATIENCE, Process};
use crate::web::{TOKEN, Web, start, text};

/// Those who may wait for events or look on live at a time, as `docs/HTTP.md` says.
const VIEWERS_MAX: usize = 64;

fn with_token() -> String {
    format!("Authorization: Bearer {TOKEN}\r\n")
}

fn numbers(message: &serde_json::Value) -> Vec<u64> {
    let events = message["events"].as_array().unwrap();
    events.iter().map(|event| event["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn attack_52_a_ticket_opens_the_live_stream_and_nothing_else() {
    let mesh = Mesh::new(61);
    let (master, web) = start(&mesh).await;
    let ticket = web.ticket();
    let with_ticket = format!("Sec-WebSocket-Protocol: meshwork.v1, ticket.{ticket}\r\n");
    let requests = [
        "POST /v1/queue-root/rotate",
        "POST /v1/members/gateway/pod-1/revoke",
        "POST /v1/queues/a.b/dead/retry",
        "PUT /v1/schema?dry_run=true",
        "POST /v1/events/ticket",
        "POST /v1/events",
        "GET /v1/members",
        "GET /v1/mesh",
        "GET /v1/events/",
        "GET /metrics",
    ];
    for request in requests {
        let (head, _) = web.upgrade(request, &with_ticket);
        assert!(head.starts_with("HTTP/1.1 401"), "{request}: {head}");
    }
    let counters = master.counters().await.unwrap();
    assert!(!counters.contains_key("audit_queue_roots"), "nothing was rotated: {counters:?}");
    let (head, _live) = web.open("", &with_ticket);
    assert!(head.starts_with("HTTP/1.1 101"), "it is still good: {head}");
    master.shutdown().await;
}

#[tokio::test]
async fn one_viewer_too_many_is_told_to_come_later() {
    let mesh = Mesh::new(62);
    let (master, web) = start(&mesh).await;
    let open = |web: &Web| web.open("after=1", &with_token());
    let mut viewers: Vec<TcpStream> = Vec::new();
    for n in 0..VIEWERS_MAX {
        let (head, viewer) = open(&web);
        assert!(head.starts_with("HTTP/1.1 101"), "{n}: {head}");
        viewers.push(viewer);
    }
    let (head, _) = open(&web);
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    let (status, body) = web.get("/v1/events?after=1&wait=1s").await;
    assert!(status == 503 && body.contains(r#""busy""#), "who waits needs a place too: {body}");
    assert_eq!(web.get("/v1/members").await.0, 200, "others are answered");

    viewers.pop();
    let came_in = async {
        while !open(&web).0.starts_with("HTTP/1.1 101") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, came_in).await.expect("the place of one that left is free");
    master.shutdown().await;
}

#[tokio::test]
async fn a_live_stream_goes_on_where_the_one_before_ended() {
    let mesh = Mesh::new(63);
    let (master, web) = start(&mesh).await;
    let (_, mut live) = web.open("", &with_token());
    let first = text(&mut live);
    assert_eq!((numbers(&first), &first["epoch_changed"]), (vec![1], &false.into()));
    drop(live);
    // Missed.
    Process::new(&mesh, "gateway", "pod-1").admit(&mesh, &master, &mesh.psk()).await;
    Process::new(&mesh, "gateway", "pod-2").admit(&mesh, &master, &mesh.psk()).await;

    let (epoch, next) = (&first["epoch"], &first["next"]);
    let (_, mut live) = web.open(&format!("epoch={epoch}&after={next}"), &with_token());
    let missed = text(&mut live);
    let numbers_missed = numbers(&missed);
    assert_eq!(numbers_missed[..2], [2, 3], "{missed}");
    assert_eq!((&missed["epoch_changed"], &missed["lost"]), (&false.into(), &0.into()));
    assert!(missed["events"][0]["kind"] == "joined", "{missed}");

    let (_, mut other_life) = web.open(&format!("epoch=1&after={next}"), &with_token());
    let whole = text(&mut other_life);
    assert_eq!((&whole["epoch"], &whole["epoch_changed"]), (epoch, &true.into()), "{whole}");
    assert_eq!(numbers(&whole)[..3], [1, 2, 3], "numbers of another life say nothing");
    master.shutdown().await;
}
