//! `meshwork queue` on a real Redis server: the same commands as on a file.

use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::{JobEnd, Queue, QueueBackend, QueueName, QueueOptions, RedisBackend};
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use serde_json::{Value, json};

use crate::binary::{Folder, Ran};
use crate::jobs::{RESIZE, depth_of, id, job};
use crate::support::server::{Server, is_installed};

/// A folder with a mesh secret, and a server with queues of that mesh.
struct Site {
    folder: Folder,
    backend: RedisBackend,
    server: Server,
}

impl Site {
    async fn new() -> Self {
        let (folder, server) = (Folder::new(), Server::start(&[]).await);
        folder.run(&["keygen", "--out", "mesh.secret"]).code(0);
        let text = std::fs::read_to_string(folder.path("mesh.secret")).unwrap();
        let mesh = MeshSecret::parse(text.trim()).unwrap().mesh_id();
        let url = server.url().parse().unwrap();
        let backend = RedisBackend::new(&url, mesh, Random::system()).unwrap();
        Self { folder, backend, server }
    }

    fn queue(&self) -> Arc<dyn Queue> {
        let name = QueueName::balanced("thumbnailer".parse().unwrap(), "resize".parse().unwrap());
        self.backend.open(name, QueueOptions::default())
    }

    /// Runs `meshwork queue ...` on the server, and looks for what must not be seen.
    fn run(&self, arguments: &[&str]) -> Ran {
        let store = ["--queue", &self.server.url(), "--secret-file", "mesh.secret"];
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
