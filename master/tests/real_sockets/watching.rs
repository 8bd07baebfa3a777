//! Those who look on: events, the picture, the live stream and who may open it.

use crate::support::{Client, Mesh, Process, until_status};
use crate::web::{TOKEN, start, text};
use meshwork_master::Master;
use meshwork_master::events::{Event, EventKind};
use meshwork_master::http::dto;
use meshwork_shared::protocol::{
    CallFigures, DeadJob, MemberKey, QueueFigures, Ready, Report, ServedFigures, Status, ToWorker,
};

fn kinds(events: &[Event]) -> Vec<String> {
    let kind = |event: &Event| {
        let json = serde_json::to_value(&event.what).unwrap();
        let name = json["kind"].as_str().unwrap().to_owned();
        match &json["member"]["variant"] {
            serde_json::Value::String(variant) => format!("{name} {variant}"),
            _ => name,
        }
    };
    events.iter().map(kind).collect()
}

async fn admitted(mesh: &Mesh, master: &Master, worker: &'static str) -> (Client, MemberKey) {
    let mut process = Process::new(mesh, worker, "pod-1");
    let (client, _) = process.admit(mesh, master, &mesh.psk()).await;
    let key = MemberKey { worker: worker.parse().unwrap(), variant: "pod-1".parse().unwrap() };
    (client, key)
}

#[tokio::test]
async fn what_happens_to_members_is_told_in_order_and_can_be_resumed() {
    let mesh = Mesh::new(41);
    let (master, web) = start(&mesh).await;
    let (gateway, _) = admitted(&mesh, &master, "gateway").await;
    gateway.cast(&Ready {});
    until_status(&master, "gateway/pod-1", Some(Status::Ready)).await;
    let stranger = Process::new(&mesh, "nobody", "pod-9");
    stranger.refused(&mesh, &master, &mesh.psk()).await;
    gateway.leave().await;
    let page = web.events("after=0").await;
    let expected =
        ["master_started", "joined pod-1", "ready pod-1", "admission_refused pod-9", "left pod-1"];
    assert_eq!(kinds(&page.events), expected);
    assert_eq!((page.lost, page.next, page.last, page.epoch_changed), (0, 5, 5, false));
    let after_two = web.events(&format!("epoch={}&after=2&limit=1", page.epoch)).await;
    assert_eq!((kinds(&after_two.events), after_two.next), (vec!["ready pod-1".to_owned()], 3));
    let other_life = web.events("epoch=1&after=2").await;
    assert!(other_life.epoch_changed && other_life.events.len() == 5);
    for wrong in ["after=x", "wait=soon", "wait=30", "before=1"] {
        assert_eq!(web.get(&format!("/v1/events?{wrong}")).await.0, 400, "{wrong}");
    }
    master.shutdown().await;
}

#[tokio::test]
async fn a_stranger_with_another_secret_is_told_of() {
    let (mesh, other) = (Mesh::new(57), Mesh::new(58));
    let (master, web) = start(&mesh).await;
    let node = Process::new(&mesh, "gateway", "pod-1").node;
    Client::link(&mesh, master.mesh_addr(), &other.psk(), &node).await.err().unwrap();
    let page = web.events("after=1&wait=20s").await;
    let from = std::net::Ipv4Addr::LOCALHOST.into();
    let refused = EventKind::HandshakeRefused { cause: "unknown_psk".to_owned(), from, times: 1 };
    assert_eq!(page.events[0].what, refused);
    master.shutdown().await;
}

#[tokio::test]
async fn whoever_waits_is_told_as_it_happens() {
    let mesh = Mesh::new(42);
    let (master, web) = start(&mesh).await;
    let (waited, (client, _)) =
        tokio::join!(web.events("after=1&wait=20s"), admitted(&mesh, &master, "gateway"));
    assert_eq!(kinds(&waited.events)[0], "joined pod-1");
    client.die().await;
    until_status(&master, "gateway/pod-1", Some(Status::Lost)).await;
    let last = web.events(&format!("after={}&wait=20s", waited.next)).await;
    assert_eq!(kinds(&last.events), ["lost pod-1"]);
    master.shutdown().await;
}

#[tokio::test]
async fn a_refused_and_a_changed_schema_are_told() {
    let mesh = Mesh::new(43);
    let (master, web) = start(&mesh).await;
    master.reload_schema_toml("[gateway]\n_conect = []").await.unwrap_err();
    master.reload_schema_toml("[gateway]").await.unwrap();
    let page = web.events("after=1").await;
    assert_eq!(kinds(&page.events), ["schema_refused", "schema_changed"]);
    let EventKind::SchemaRefused { report } = &page.events[0].what else { panic!() };
    assert!(report.contains("_connect"), "{report}");
    master.shutdown().await;
}

#[tokio::test]
async fn reports_become_links_rates_and_events() {
    let mesh = Mesh::new(44);
    let (master, web) = start(&mesh).await;
    let (gateway, gateway_key) = admitted(&mesh, &master, "gateway").await;
    let (mut thumbnailer, key) = admitted(&mesh, &master, "thumbnailer").await;
    gateway.cast(&Report { uptime_ms: 1, links: vec![key.clone()], ..Report::default() });
    let served = |uptime_ms, ok| {
        let calls = CallFigures { ok, latency: vec![0, ok, 0], ..CallFigures::default() };
        let served = vec![ServedFigures { command: "resize".parse().unwrap(), calls }];
        let (version, latency_bounds_us) = ("9.9.9".to_owned(), vec![100, 1000]);
        Report { version, uptime_ms, latency_bounds_us, served, ..Report::default() }
    };
    thumbnailer.cast(&served(1000, 10));
    // Somebody looks: reports are wanted more often from now on.
    web.picture().await;
    let pace = thumbnailer.news(|news| match news {
        ToWorker::Pace(pace) => Some(pace.report_every_ms),
        _ => None,
    });
    assert_eq!(pace.await, 1000);
    thumbnailer.cast(&served(3000, 30));
    let picture = loop {
        let picture = web.picture().await;
        if picture.commands.iter().any(|row| row.per_second.ok > 0.0) {
            break picture;
        }
    };
    let row = &picture.commands[0];
    assert_eq!((row.command.as_str(), row.per_second.ok, row.instances), ("resize", 10.0, 1));
    assert!(row.p50_us.is_some_and(|us| (100..=1000).contains(&us)), "{row:?}");
    assert_eq!(picture.links, [dto::MeshLink { a: 0, b: 1 }]);
    let versions: Vec<_> =
        picture.members.iter().map(|row| row.process.clone().unwrap().version).collect();
    assert_eq!(versions, ["", "9.9.9"]);
    let worker = &picture.workers[2];
    assert_eq!(worker.worker.as_str(), "thumbnailer");
    assert_eq!(worker.commands[0].callers[0].as_str(), "gateway");
    let up = EventKind::LinkUp { member: gateway_key, peer: key };
    assert!(web.events("after=0").await.events.iter().any(|event| event.what == up));
    master.shutdown().await;
}

#[tokio::test]
async fn the_live_stream_shows_events_and_pictures_and_asks_who_comes() {
    let mesh = Mesh::new(45);
    let (master, web) = start(&mesh).await;
    let host = web.0;
    let ticket = web.ticket();
    let of_ticket = format!("Sec-WebSocket-Protocol: meshwork.v1, ticket.{ticket}\r\n");
    let refused = [
        (String::new(), 401),
        ("Sec-WebSocket-Protocol: meshwork.v1, ticket.guess\r\n".to_owned(), 401),
        (format!("{of_ticket}Origin: http://evil.example\r\n"), 403),
        (format!("Authorization: Bearer {TOKEN}\r\nOrigin: http://{host}.evil\r\n"), 403),
        ("Authorization: Bearer wrong-token-of-24-characters\r\n".to_owned(), 401),
    ];
    for (headers, status) in refused {
        let (head, _) = web.open("mesh=true", &headers);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {head}");
    }
    let (head, mut live) = web.open("mesh=true", &format!("{of_ticket}Origin: http://{host}\r\n"));
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.to_lowercase().contains("sec-websocket-protocol: meshwork.v1\r\n"), "{head}");
    let (again, _) = web.open("mesh=true", &of_ticket);
    assert!(again.starts_with("HTTP/1.1 401"), "a ticket is good once: {again}");
    let first = text(&mut live);
    assert_eq!((&first["type"], &first["next"]), (&"events".into(), &1.into()));
    let (_gateway, _) = admitted(&mesh, &master, "gateway").await;
    let (mut joined, mut seen) = (false, false);
    while !(joined && seen) {
        let message = text(&mut live);
        joined |= message["events"][0]["kind"] == "joined";
        seen |= message["type"] == "mesh" && message["members"][0]["variant"] == "pod-1";
    }
    let (head, _) = web.open("mesh=true", &format!("Authorization: Bearer {TOKEN}\r\n"));
    assert!(head.starts_with("HTTP/1.1 101"), "programs show the token: {head}");
    master.shutdown().await;
}

#[tokio::test]
async fn what_a_member_says_of_the_queues_of_others_is_not_believed() {
    let mesh = Mesh::new(64);
    let (master, web) = start(&mesh).await;
    let (gateway, _) = admitted(&mesh, &master, "gateway").await;
    let queue = "thumbnailer.resize".to_owned();
    let forged = QueueFigures { queue: queue.clone(), is_paused: true, ..QueueFigures::default() };
    let (job, error) = ("00".repeat(16), "it never was".to_owned());
    let dead = vec![DeadJob { queue, job, attempt: 1, error, found: None }];
    let (version, queues) = ("9.9.9".to_owned(), vec![forged]);
    gateway.cast(&Report { version, uptime_ms: 1, queues, dead, ..Report::default() });
    let picture = loop {
        let picture = web.picture().await;
        if picture.members[0].process.is_some() {
            break picture;
        }
    };
    assert_eq!((picture.queues, picture.queues_left_out), (vec![], 0));
    assert_eq!(kinds(&web.events("after=0").await.events), ["master_started", "joined pod-1"]);
    assert_eq!(master.counters().await.unwrap()["report_rows_left_out"], 2);
    let (_, metrics) = web.get("/metrics").await;
    assert!(metrics.contains("\nmeshwork_report_rows_left_out_total 2\n"), "{metrics}");
    master.shutdown().await;
}
