//! The dashboard and the configuration of Prometheus that come with the project, against a mesh
//! that runs: what a panel shows exists, and Prometheus itself reaches everybody.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

mod support;

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use meshwork_worker::{Context, Worker};
use serde_json::Value;
use support::{Mesh, eventually, soon};

const DASHBOARD: &str = include_str!("../../k8s/grafana/meshwork.json");
const PROMETHEUS: &str = include_str!("../../docker/observability/prometheus.yml");
const TOKEN: &str = "a-token-of-at-least-24-characters";

const SCHEMA: &str = r#"
[shop]
_allow = ["buyer"]
[shop._commands._balanced]
sell = {}
wrap = { queued = true }
[buyer]
_connect = ["shop"]
"#;

/// A master and two workers that serve HTTP, after a call and a job.
async fn start() -> (Mesh, [Worker; 2]) {
    let mesh = Mesh::start_with(SCHEMA, |config| config.admin_token = Some(TOKEN.into())).await;
    let shop = mesh.worker("shop").http_listen("127.0.0.1:0");
    let shop = shop.handle_raw("sell", |_: Context, bytes: Bytes| async move { Ok(bytes) });
    let shop = shop.handle_raw("wrap", |_: Context, bytes: Bytes| async move { Ok(bytes) });
    let shop = soon("the shop", shop.start()).await.unwrap();
    let buyer = mesh.worker("buyer").http_listen("127.0.0.1:0");
    let buyer = soon("the buyer", buyer.start()).await.unwrap();
    eventually("they are linked", || buyer.connected_peers().len() == 1).await;
    buyer.call_raw("shop", "sell", "apple").await.unwrap();
    buyer.enqueue_raw("shop", "wrap", "apple").await.unwrap();
    (mesh, [shop, buyer])
}

/// Status and text of an answer.
async fn get(url: String, token: Option<&'static str>) -> Option<(u16, String)> {
    let asked = tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20)));
        let agent: ureq::Agent = config.http_status_as_error(false).build().into();
        let mut request = agent.get(&url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().ok()?;
        Some((answer.status().as_u16(), answer.body_mut().read_to_string().unwrap()))
    });
    asked.await.unwrap()
}

/// What all panels ask Prometheus for.
fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// The metrics that an expression names.
fn named(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    words.filter(|word| word.starts_with("meshwork_") || word.starts_with("process_"))
}

fn families(text: &str) -> impl Iterator<Item = String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|line| line.split(' ').next().unwrap().to_owned())
}

#[tokio::test]
async fn every_metric_of_every_panel_exists() {
    let (mesh, workers) = start().await;
    let url = format!("http://{}/metrics", mesh.master().http_addr().unwrap());
    assert_eq!(get(url.clone(), None).await.unwrap().0, 401, "it names members");
    let (status, text) = get(url, Some(TOKEN)).await.unwrap();
    assert_eq!(status, 200, "{text}");
    let document = include_str!("../../docs/OBSERVABILITY.md");
    let mut there: BTreeSet<String> = families(&text).collect();
    for family in &there {
        assert!(document.contains(&format!("`{family}`")), "{family} is not documented");
    }
    for worker in &workers {
        there.extend(families(&worker.metrics().await.to_string()));
    }
    let expressions = expressions();
    let mut shown = BTreeSet::new();
    for expression in &expressions {
        for name in named(expression) {
            let ends = ["_bucket", "_sum", "_count"];
            let family = ends
                .iter()
                .find_map(|end| name.strip_suffix(end).filter(|family| there.contains(*family)));
            let family = family.unwrap_or(name);
            assert!(there.contains(family), "no {name}, which is asked for in {expression}");
            shown.insert(family.to_owned());
        }
    }
    assert!(expressions.len() > 20 && shown.len() > 20, "{shown:?}");
}

/// A Prometheus that ends with the test.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The configuration that comes with the project, with its targets and its token put here.
fn configuration(master: SocketAddr, workers: &[SocketAddr], token: &str) -> String {
    let (before, after) = PROMETHEUS.split_once("    dns_sd_configs:\n").unwrap();
    assert_eq!(after.lines().count(), 4, "the block of the workers is the last one: {after}");
    let workers: Vec<String> = workers.iter().map(|address| format!("\"{address}\"")).collect();
    let workers = format!("    static_configs:\n      - targets: [{}]\n", workers.join(", "));
    let mut text = before.to_owned() + &workers;
    for (there, here) in
        [("master:7071", master.to_string().as_str()), ("/run/meshwork/admin.token", token)]
    {
        assert!(text.contains(there), "{there}");
        text = text.replace(there, here);
    }
    text
}

/// Bytes of a query as a URL has them.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn prometheus_reaches_everybody_and_understands_every_panel() {
    let there = Command::new("prometheus").arg("--version").output();
    if there.is_err() {
        println!("SKIPPED: no prometheus (`apt-get install -y prometheus`)");
        return;
    }
    let (mesh, workers) = start().await;
    let folder = tempfile::TempDir::new().unwrap();
    let token = folder.path().join("admin.token");
    std::fs::write(&token, TOKEN).unwrap();
    let addresses: Vec<_> = workers.iter().map(|worker| worker.http_addr().unwrap()).collect();
    let master = mesh.master().http_addr().unwrap();
    let text = configuration(master, &addresses, token.to_str().unwrap());
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, text).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let running = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address={free}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    let _running = Prometheus(running.unwrap());

    let mut targets = Value::Null;
    for _ in 0..600 {
        if let Some((200, text)) = get(format!("http://{free}/api/v1/targets"), None).await {
            targets = serde_json::from_str(&text).unwrap();
            let active = targets["data"]["activeTargets"].as_array().unwrap();
            if active.len() == 3 && active.iter().all(|target| target["health"] == "up") {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let active = targets["data"]["activeTargets"].as_array().expect("Prometheus answers");
    assert_eq!(active.len(), 3, "{targets}");
    for target in active {
        assert_eq!(target["health"], "up", "{target}");
    }
    for expression in expressions() {
        let asked = expression.replace("$__rate_interval", "5m").replace("$command", ".*");
        let url = format!("http://{free}/api/v1/query?query={}", escaped(&asked));
        let (status, text) = get(url, None).await.unwrap();
        assert_eq!(status, 200, "{expression}: {text}");
        let is_of_now = ["rate(", "increase(", "quantile("].iter().all(|by| !asked.contains(by));
        let answer: Value = serde_json::from_str(&text).unwrap();
        let is_empty = answer["data"]["result"].as_array().unwrap().is_empty();
        assert!(!(is_of_now && is_empty), "nothing is shown for {expression}");
    }
}
