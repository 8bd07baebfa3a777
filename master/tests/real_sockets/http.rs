//! The HTTP side as its users see it: shapes, the token, bounds.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;

use crate::support::{Mesh, PATIENCE, Process, until_status};
use meshwork_master::http::dto;
use meshwork_master::{Master, State};
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::{Message, Ready, Status};
use serde::de::DeserializeOwned;

const TOKEN: &str = "a-token-of-at-least-24-characters";

async fn start(mesh: &Mesh) -> (Master, Web) {
    let mut config = mesh.config();
    config.admin_token = Some(TOKEN.into());
    let master = mesh.builder(config).http(true).start().await.unwrap();
    let web = Web(master.http_addr().unwrap());
    (master, web)
}

/// Asks over HTTP.
struct Web(SocketAddr);

impl Web {
    fn agent() -> ureq::Agent {
        let config = ureq::Agent::config_builder();
        config.timeout_global(Some(PATIENCE)).http_status_as_error(false).build().into()
    }

    fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut request = Self::agent().get(format!("http://{}{path}", self.0));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn post(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut request = Self::agent().post(format!("http://{}{path}", self.0));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.send_empty().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn ok<T: DeserializeOwned>(&self, path: &str, token: Option<&str>) -> T {
        let (status, body) = self.get(path, token);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Sends bytes as they are; what comes back up to the end of the head of an answer, or until
    /// the connection ends.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The server may close before it has read all of it.
        let _ = stream.write_all(bytes);
        let (mut answer, mut part) = (Vec::new(), [0; 4096]);
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut part) {
                Ok(read @ 1..) => answer.extend(&part[..read]),
                Ok(0) | Err(_) => break,
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn health_and_the_mesh_port_are_open() {
    let mesh = Mesh::new(21);
    let (master, web) = start(&mesh).await;
    assert_eq!(web.ok::<dto::Health>("/healthz", None).status, "ok");
    let ready: dto::Readiness = web.ok("/readyz", None);
    assert_eq!(ready, dto::Readiness { ready: true, settled: false });
    let (_, body) = web.get("/v1/master", None);
    let expected = format!(
        r#"{{"mesh_port":{},"authority":"{}"}}"#,
        master.mesh_addr().port(),
        master.authority().id()
    );
    assert_eq!(body, expected, "port and authority, and no more");
    master.shutdown().await;
}

#[tokio::test]
async fn workers_are_told_the_addresses_that_are_configured() {
    let mesh = Mesh::new(20);
    let mut config = mesh.config();
    config.advertise = vec!["mesh.example.com:7070".parse().unwrap()];
    config.open = true;
    let master = mesh.builder(config).http(true).start().await.unwrap();
    let info: dto::MasterInfo = Web(master.http_addr().unwrap()).ok("/v1/master", None);
    assert_eq!(info.mesh_addresses, ["mesh.example.com:7070"]);
    master.shutdown().await;
}

#[tokio::test]
async fn attack_52_admin_http_without_a_token_is_401() {
    let mesh = Mesh::new(22);
    let (master, web) = start(&mesh).await;
    let almost = TOKEN.replace("24", "25");
    let paths = ["/v1/members", "/v1/schema", "/v1/counters", "/v1/mesh", "/v1/events", "/metrics"];
    for path in paths.into_iter().chain(["/v1/queues/a.b/dead", "/nonsense"]) {
        for token in [None, Some(""), Some("nonsense"), Some(almost.as_str())] {
            let (status, body) = web.get(path, token);
            assert_eq!(status, 401, "{path} {token:?}: {body}");
            let problem: dto::Problem = serde_json::from_str(&body).unwrap();
            assert_eq!(problem.error, "unauthorized");
            assert!(problem.message.contains("admin_token"), "says where: {}", problem.message);
            assert!(!body.contains(TOKEN));
        }
    }
    let (status, _) = web.post("/v1/members/gateway/pod-1/revoke", None);
    assert_eq!(status, 401);
    // The page asks for the token itself, and has nothing of the mesh in it before.
    assert_eq!(web.get("/", None), web.get("/", Some(TOKEN)));
    assert_eq!(web.get("/nonsense", Some(TOKEN)).0, 404);
    assert_eq!(web.post("/v1/members", Some(TOKEN)).0, 405);
    master.shutdown().await;
}

#[tokio::test]
async fn attack_52_oversized_requests_are_refused_and_the_next_is_served() {
    let mesh = Mesh::new(23);
    let (master, web) = start(&mesh).await;
    let status = |answer: &str| -> u16 { answer.get(9..12).unwrap().parse().unwrap() };
    let head = "GET /healthz HTTP/1.1\r\nHost: x\r\n";

    let one_header = format!("{head}X: {}\r\n\r\n", "y".repeat(100_000));
    assert_eq!(status(&web.raw(one_header.as_bytes())), 431);
    let many = "X: y\r\n".repeat(5000);
    let answer = web.raw(format!("{head}{many}\r\n").as_bytes());
    assert!((400..500).contains(&status(&answer)), "{answer}");
    let answer = web.raw(format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(300_000)).as_bytes());
    assert!((400..500).contains(&status(&answer)), "{answer}");

    let post = format!(
        "POST /v1/members/a/b/revoke HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    );
    let announced = format!("{post}Content-Length: 99999999999\r\n\r\n");
    assert_eq!(status(&web.raw(announced.as_bytes())), 413);
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\nfff\r\n");
    assert_eq!(status(&web.raw(chunked.as_bytes())), 413);
    assert_eq!(web.get("/healthz", None).0, 200);
    master.shutdown().await;
}

#[tokio::test]
async fn members_are_listed_and_revoked() {
    let mesh = Mesh::new(24);
    let (master, web) = start(&mesh).await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, welcome) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    client.cast(&Ready {});
    until_status(&master, "gateway/pod-1", Some(Status::Ready)).await;
    let list: dto::MemberList = web.ok("/v1/members", Some(TOKEN));
    let [row] = list.members.as_slice() else { panic!("one member") };
    assert_eq!((row.worker.as_str(), row.variant.as_str()), ("gateway", "pod-1"));
    assert_eq!((row.node, row.incarnation), (gateway.node.node_id(), welcome.incarnation));
    assert_eq!(list.epoch, welcome.view.epoch);
    let (_, body) = web.get("/v1/members", Some(TOKEN));
    let row = &serde_json::from_str::<serde_json::Value>(&body).unwrap()["members"][0];
    let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "addresses",
            "commands",
            "incarnation",
            "node",
            "schema",
            "since_unix_ms",
            "status",
            "ticket_ends_unix_s",
            "ticket_serial",
            "variant",
            "worker"
        ],
        "these names are relied on"
    );

    assert_eq!(web.post("/v1/members/gateway/pod-2/revoke", Some(TOKEN)).0, 404);
    assert_eq!(web.post("/v1/members/gate%20way/pod-2/revoke", Some(TOKEN)).0, 400);
    let (status, body) = web.post("/v1/members/gateway/pod-1/revoke", Some(TOKEN));
    assert_eq!(status, 200, "{body}");
    assert_eq!(body, r#"{"revoked":[{"worker":"gateway","variant":"pod-1"}]}"#);
    assert_eq!(client.close_code().await, CloseCode::Revoked);
    assert!(web.ok::<dto::MemberList>("/v1/members", Some(TOKEN)).members.is_empty());
    let counters: dto::CounterList = web.ok("/v1/counters", Some(TOKEN));
    assert_eq!((counters.counters["audit_admitted"], counters.counters["audit_revoked"]), (1, 1));
    master.shutdown().await;
}

#[tokio::test]
async fn the_queue_root_is_rotated_and_old_ones_are_forgotten() {
    let mesh = Mesh::new(29);
    let (master, web) = start(&mesh).await;
    assert_eq!(web.post("/v1/queue-root/rotate", None).0, 401);
    assert_eq!(web.post("/v1/queue-root/forget", None).0, 401);
    assert_eq!(web.get("/v1/queue-root/rotate", Some(TOKEN)).0, 405);
    let rotate = || {
        let (status, body) = web.post("/v1/queue-root/rotate", Some(TOKEN));
        (status, body)
    };
    for count in 2..=8 {
        let (status, body) = rotate();
        assert_eq!(status, 200, "{body}");
        let roots: dto::QueueRoots = serde_json::from_str(&body).unwrap();
        assert_eq!((roots.kept.len(), roots.kept.last()), (count, Some(&roots.epoch)));
    }
    let (status, body) = rotate();
    let problem: dto::Problem = serde_json::from_str(&body).unwrap();
    assert_eq!((status, problem.error.as_str()), (409, "full"));
    let (status, body) = web.post("/v1/queue-root/forget", Some(TOKEN));
    let roots: dto::QueueRoots = serde_json::from_str(&body).unwrap();
    assert_eq!((status, roots.kept), (200, vec![roots.epoch]));
    assert_eq!(rotate().0, 200);
    master.shutdown().await;
}

#[tokio::test]
async fn the_schema_is_shown_with_the_state_of_the_last_reload() {
    let mesh = Mesh::new(25);
    let (master, web) = start(&mesh).await;
    let first: dto::SchemaInfo = web.ok("/v1/schema", Some(TOKEN));
    assert_eq!(first.last_reload.outcome, "started");
    assert!(first.schema.to_string().contains("thumbnailer"), "{}", first.schema);

    master.reload_schema_toml("[gateway]\n_conect = []").await.unwrap_err();
    let refused: dto::SchemaInfo = web.ok("/v1/schema", Some(TOKEN));
    assert_eq!(refused.last_reload.outcome, "refused");
    assert!(refused.last_reload.report.unwrap().contains("_conect"));
    assert_eq!((refused.number, &refused.schema), (first.number, &first.schema), "the old one");

    master.reload_schema_toml("[gateway]\n[printer]").await.unwrap();
    let changed: dto::SchemaInfo = web.ok("/v1/schema", Some(TOKEN));
    assert_eq!(
        (changed.last_reload.outcome.as_str(), changed.last_reload.report),
        ("changed", None)
    );
    assert!(changed.number > first.number);
    assert_ne!(changed.fingerprint, first.fingerprint);
    master.shutdown().await;
}

#[tokio::test]
async fn a_token_is_made_once_and_kept_to_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Mesh::new(26);
    let state_dir = folder.path().join("state");
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let builder = mesh.builder(mesh.config()).http(true).state(State::folder(&state_dir));
        let master = builder.start().await.unwrap();
        let file = master.token_file().unwrap().to_owned();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let token = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        let web = Web(master.http_addr().unwrap());
        web.ok::<dto::MemberList>("/v1/members", Some(&token));
        let (_, body) = web.get("/v1/members", None);
        assert!(body.contains(file.to_str().unwrap()), "says where the token is: {body}");
        tokens.push(token);
        master.shutdown().await;
    }
    assert_eq!(tokens[0], tokens[1]);
    assert!(tokens[0].len() >= 40);
}

#[tokio::test]
async fn an_open_side_answers_programs_of_this_machine_but_no_page_of_elsewhere() {
    let mesh = Mesh::new(27);
    let mut config = mesh.config();
    config.open = true;
    let master = mesh.builder(config).http(true).start().await.unwrap();
    let web = Web(master.http_addr().unwrap());
    web.ok::<dto::MemberList>("/v1/members", None);
    let get = "GET /v1/members HTTP/1.1\r\nConnection: close\r\n";
    for headers in ["Host: evil.example\r\n", "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n"]
    {
        let answer = web.raw(format!("{get}{headers}\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    for headers in ["", "Origin: http://localhost:7071\r\n"] {
        let answer = web.raw(format!("{get}Host: localhost:7071\r\n{headers}\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    master.shutdown().await;
}

#[tokio::test]
async fn garbage_on_both_ports_stops_nothing() {
    let mesh = Mesh::new(28);
    let (master, web) = start(&mesh).await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, _) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let noise: Vec<u8> = mesh.random.bytes::<2048>().to_vec();
    let samples: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"MSH1\x01\x02\x00\x00AAAAAAAA",
        &[0; 4096],
        &[0xff; 4096],
        &noise,
    ];
    for address in [master.mesh_addr(), web.0] {
        for sample in samples {
            let mut stream = TcpStream::connect(address).unwrap();
            let _ = stream.write_all(sample);
        }
    }
    assert_eq!(web.get("/healthz", None).0, 200);
    let left = client.call_raw("leave", meshwork_shared::protocol::Leave {}.encode()).await;
    left.unwrap();
    let mut other = Process::new(&mesh, "gateway", "pod-2");
    other.admit(&mesh, &master, &mesh.psk()).await;
    master.shutdown().await;
}
