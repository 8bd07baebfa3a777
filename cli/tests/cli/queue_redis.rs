//! `meshwork queue` on a real Redis server: the same commands as on a file.

use std::ffi::OsString;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::{JobEnd, Queue, QueueBackend, QueueName, QueueOptions, RedisBackend};
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use serde_json::{Value, json};

use crate::binary::{Folder, Ran};
use crate::jobs::{RESIZE, depth_of, id, job};

/// A server that lives as long as the test.
struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(program())
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port, _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's program: Redis, or what `MESHWORK_REDIS_SERVER` names instead, such as Valkey.
fn program() -> OsString {
    std::env::var_os("MESHWORK_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// Whether there is a server to test with. Set `MESHWORK_SKIP_REDIS=1` to go without.
fn is_installed() -> bool {
    if std::env::var_os("MESHWORK_SKIP_REDIS").is_some_and(|value| value == "1") {
        println!("skipped: MESHWORK_SKIP_REDIS is set");
        return false;
    }
    let found = Command::new(program()).arg("--version").stdout(Stdio::null()).status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "these tests start {}, which is not installed. Type: apt-get install -y redis-server; set \
         MESHWORK_REDIS_SERVER to the path of another; or MESHWORK_SKIP_REDIS=1 to go without",
        program().display()
    );
    true
}

/// A folder with a mesh secret, and a server with queues of that mesh.
struct Site {
    folder: Folder,
    backend: RedisBackend,
    server: Server,
}

impl Site {
    async fn new() -> Self {
        let (folder, server) = (Folder::new(), Server::start());
        folder.run(&["keygen", "--out", "mesh.secret"]).code(0);
        let text = std::fs::read_to_string(folder.path("mesh.secret")).unwrap();
        let mesh = MeshSecret::parse(text.trim()).unwrap().mesh_id();
        let url = format!("redis://127.0.0.1:{}", server.port).parse().unwrap();
        let backend = RedisBackend::new(&url, mesh, Random::system()).unwrap();
        for _ in 0..200 {
            if backend.list().await.is_ok() {
                return Self { folder, backend, server };
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not answer");
    }

    fn queue(&self) -> Arc<dyn Queue> {
        let name = QueueName::balanced("thumbnailer".parse().unwrap(), "resize".parse().unwrap());
        self.backend.open(name, QueueOptions::default())
    }

    /// Runs `meshwork queue ...` on the server, and looks for what must not be seen.
    fn run(&self, arguments: &[&str]) -> Ran {
        let address = format!("redis://127.0.0.1:{}", self.server.port);
        let store = ["--queue", &address, "--secret-file", "mesh.secret"];
        let ran = self.folder.run(&[&["queue"], arguments, &store].concat());
        assert!(!ran.out.contains("hunter2"), "{}", ran.out);
        ran
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).code(0).json()
    }

    async fn store(&self, numbers: std::ops::Range<u16>) {
        for stored in self.queue().enqueue(numbers.map(job).collect()).await {
            stored.unwrap();
        }
    }

    async fn fail(&self, numbers: std::ops::Range<u16>) {
        let (queue, count) = (self.queue(), numbers.len());
        self.store(numbers).await;
        let leases = queue.lease("pod-2#7", count).await;
        assert_eq!(leases.len(), count);
        for lease in leases {
            let error = "no \x1b[2J such picture".to_owned();
            queue.finish(lease.token(), JobEnd::Fail { error }).await.unwrap();
        }
    }
}

#[tokio::test]
async fn queues_in_a_server_are_looked_at() {
    if !is_installed() {
        return;
    }
    let site = Site::new().await;
    assert_eq!(site.run(&["ls"]).code(0).out, "no queue holds anything\n");
    site.fail(10..12).await;
    site.store(0..4).await;
    assert_eq!(site.queue().lease("pod-2#7", 1).await.len(), 1);

    let rows = site.json(&["ls"])["queues"].clone();
    assert_eq!((&rows[0]["queue"], depth_of(&rows[0])), (&json!(RESIZE), [3, 0, 1, 2]));
    assert_eq!(depth_of(&site.json(&["show", RESIZE])), [3, 0, 1, 2]);

    let page = site.json(&["peek", RESIZE, "--limit", "2"]);
    let jobs = page["jobs"].as_array().unwrap();
    assert_eq!((jobs.len(), &jobs[0]["id"]), (2, &json!(id(1).to_string())));
    assert_eq!((&jobs[0]["caller"], &jobs[0]["body_bytes"]), (&json!("gateway"), &json!(7)));
    let last = jobs[1]["id"].as_str().unwrap();
    let rest = site.json(&["peek", RESIZE, "--after", last]);
    assert_eq!(rest["jobs"].as_array().unwrap().len(), 1);
    let running = site.json(&["peek", RESIZE, "--section", "running"]);
    assert_eq!(running["jobs"][0]["id"], id(0).to_string());
    assert_eq!(running["jobs"][0]["consumer"], "pod-2#7");

    let ran = site.run(&["dead", RESIZE]).code(0);
    assert!(ran.out.contains("no \\u{1b}[2J such picture\n"), "{}", ran.out);
    let letter = site.json(&["dead", RESIZE, &id(10).to_string()]);
    assert_eq!(letter["job"]["history"][0]["error"]["kind"], "failed");
    assert_eq!(letter["job"]["history"][0]["consumer"], "pod-2#7");
}

#[tokio::test]
async fn queues_in_a_server_are_repaired() {
    if !is_installed() {
        return;
    }
    let site = Site::new().await;
    // More than two pages of them.
    site.fail(0..600).await;
    let ran = site.run(&["retry", RESIZE, &id(1).to_string()]).code(0);
    assert_eq!(ran.out, "1 job runs again; 599 dead letters are left\n");
    let moved = site.json(&["retry", RESIZE, "--all"]);
    assert_eq!(moved, json!({ "queue": RESIZE, "retried": 599, "dead": 0 }));
    assert_eq!(site.queue().depth().await.unwrap().ready, 600);

    assert_eq!(site.json(&["pause", RESIZE])["is_paused"], true);
    let nothing = site.queue();
    let waiting = nothing.lease("pod-2#7", 1);
    assert!(tokio::time::timeout(Duration::from_millis(200), waiting).await.is_err());
    assert_eq!(site.json(&["resume", RESIZE])["is_paused"], false);
    assert_eq!(site.queue().lease("pod-2#7", 1).await.remove(0).id, id(1));

    let purged = site.json(&["purge", RESIZE, "--section", "ready", "--yes"]);
    assert_eq!(purged, json!({ "queue": RESIZE, "section": "ready", "purged": 599 }));
    assert_eq!(depth_of(&site.json(&["show", RESIZE])), [0, 0, 1, 0]);
    site.fail(700..703).await;
    let purged = site.json(&["purge", RESIZE, "--section", "dead", "--yes"]);
    assert_eq!(purged["purged"], 3);
    let ran = site.run(&["retry", RESIZE, "--all"]).code(0);
    assert_eq!(ran.out, "0 jobs run again; 0 dead letters are left\n");
}
