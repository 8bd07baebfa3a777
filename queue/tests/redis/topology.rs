//! The Redis backend with TLS, behind sentinels, and over a cluster.

// Tests are the one place where a panic is the answer to a surprise.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use meshwork_queue::redis::RedisUrl;
use meshwork_queue::{
    EnqueueError, Finished, JobEnd, Lease, NewJob, Queue, QueueBackend, QueueName, QueueOptions,
    RedisBackend,
};
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::{JobId, MeshId};
use meshwork_shared::random::Random;
use tempfile::TempDir;

use super::server::{Server, is_installed};

/// How long something may take that is expected.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(url: &str, command: &str) -> Arc<dyn Queue> {
    let url = url.parse().expect("a valid address");
    let backend = RedisBackend::new(&url, MeshId([1; 16]), Random::system()).expect("it opens");
    let name = QueueName::balanced("thumbnailer".parse().unwrap(), command.parse().unwrap());
    // No run is lost while one server takes the place of another.
    let lease = Duration::from_secs(600);
    backend.open(name, QueueOptions { lease, ..QueueOptions::default() })
}

fn job(number: u8) -> NewJob {
    let (caller, variant) = ("gateway".parse().unwrap(), "pod-1".parse().unwrap());
    NewJob::new(JobId([number; 16]), caller, variant, Codec::Json, number.to_string())
}

async fn enqueue(queue: &Arc<dyn Queue>, number: u8) -> Result<(), EnqueueError> {
    queue.enqueue(vec![job(number)]).await.remove(0).map(drop)
}

async fn lease(queue: &Arc<dyn Queue>) -> Lease {
    let leases = tokio::time::timeout(PATIENCE, queue.lease("pod-2#7", 1)).await;
    leases.expect("a job comes").remove(0)
}

async fn run_one(queue: &Arc<dyn Queue>, number: u8) {
    enqueue(queue, number).await.unwrap();
    let lease = lease(queue).await;
    assert_eq!(lease.id, JobId([number; 16]));
    let done = JobEnd::Done { reply: None };
    assert_eq!(queue.finish(lease.token(), done).await, Ok(Finished::Done));
}

/// An authority, and a certificate of it for 127.0.0.1.
fn certificates(folder: &Path) {
    let openssl = |line: &str| {
        let mut command = Command::new("openssl");
        command.args(line.split(' ')).current_dir(folder);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "openssl {line}");
    };
    let key = "-newkey rsa:2048 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    std::fs::write(folder.join("ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem \
         -days 2 -extfile ext",
    );
}

/// An authority, and what a server is told of the certificate that it has of it.
struct Tls {
    folder: TempDir,
    options: Vec<String>,
}

impl Tls {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        let file = |name: &str| folder.path().join(name).display().to_string();
        let files = [
            ("--tls-cert-file", file("server.pem")),
            ("--tls-key-file", file("server.key")),
            ("--tls-ca-cert-file", file("ca.pem")),
            ("--tls-auth-clients", "no".to_owned()),
        ];
        let words = files.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        let options = words.collect();
        Self { folder, options }
    }

    fn options(&self) -> Vec<&str> {
        self.options.iter().map(String::as_str).collect()
    }

    /// The certificate of the authority, as an address names it.
    fn ca(&self) -> String {
        format!("ca={}", self.folder.path().join("ca.pem").display())
    }
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_authority_vouches_for() {
    if !is_installed() {
        return;
    }
    let tls = Tls::new();
    let ca = tls.ca();
    let server = Server::start(&tls.options()).await;
    // The plain port stays, for the commands of the test.
    let port = server.also_listen_with_tls();
    let trusted = open(&format!("rediss://127.0.0.1:{port}?{ca}"), "resize");
    run_one(&trusted, 1).await;
    let distrusted = enqueue(&open(&format!("rediss://127.0.0.1:{port}"), "resize"), 2).await;
    assert!(matches!(distrusted, Err(EnqueueError::Unavailable { .. })), "{distrusted:?}");
}

#[tokio::test]
async fn a_cluster_is_spoken_to_with_tls() {
    if !is_installed() {
        return;
    }
    let tls = Tls::new();
    let ca = tls.ca();
    let (_servers, ports) = super::server::cluster_with_tls(&tls.options()).await;
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
    // Spread over the slots.
    for at in 0..12 {
        let url = format!("rediss+cluster://{hosts}?{ca}");
        run_one(&open(&url, &format!("command{at}")), 1).await;
    }
    // Who waits is woken, though the bell is a connection of its own.
    let queue = open(&format!("rediss+cluster://{hosts}?{ca}"), "resize");
    let waiting = queue.clone();
    let waiting = tokio::spawn(async move { lease(&waiting).await });
    enqueue(&queue, 1).await.unwrap();
    assert_eq!(waiting.await.unwrap().id, JobId([1; 16]));
    let distrusted = enqueue(&open(&format!("rediss+cluster://{hosts}"), "resize"), 2).await;
    assert!(matches!(distrusted, Err(EnqueueError::Unavailable { .. })), "{distrusted:?}");
}

#[tokio::test]
async fn sentinels_say_who_is_the_master_now() {
    if !is_installed() {
        return;
    }
    let mut master = Server::start(&[]).await;
    let replica = Server::start(&[]).await;
    let port = master.port.to_string();
    assert!(replica.cli(&["REPLICAOF", "127.0.0.1", &port]).contains("OK"));
    let sentinel = Server::start_sentinel(master.port, 1).await;
    super::server::eventually("the replica follows", async || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
            && sentinel.cli(&["SENTINEL", "REPLICAS", "main"]).contains(&replica.port.to_string())
    })
    .await;
    let queue = open(&format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port), "resize");
    run_one(&queue, 1).await;
    enqueue(&queue, 2).await.unwrap();
    let running = lease(&queue).await;
    super::server::eventually("the replica has it", async || {
        replica.cli(&["WAIT", "0", "100"]);
        master.cli(&["WAIT", "1", "100"]).trim() == "1"
    })
    .await;
    master.kill();
    super::server::eventually("jobs are stored again", async || enqueue(&queue, 3).await.is_ok())
        .await;
    let done = JobEnd::Done { reply: None };
    assert_eq!(queue.finish(running.token(), done).await, Ok(Finished::Done));
    assert_eq!(lease(&queue).await.id, JobId([3; 16]));
    assert!(replica.cli(&["ROLE"]).contains("master"));
}

#[tokio::test]
async fn a_cluster_loses_a_server_and_gets_it_back() {
    if !is_installed() {
        return;
    }
    let mut servers = super::server::cluster().await;
    let url =
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", servers[0].port, servers[1].port);
    // Spread over the slots.
    let queues: Vec<_> = (0..12).map(|at| open(&url, &format!("command{at}"))).collect();
    for queue in &queues {
        run_one(queue, 1).await;
    }
    let checked: RedisUrl = url.parse().unwrap();
    let checked = RedisBackend::new(&checked, MeshId([1; 16]), Random::system()).unwrap();
    let text = checked.check().await.unwrap().join("\n");
    assert!(text.contains("no replica"), "{text}");
    servers[2].kill();
    tokio::time::sleep(Duration::from_millis(200)).await;
    servers[2].restart().await;
    for (at, queue) in queues.iter().enumerate() {
        super::server::eventually(&format!("queue {at} works"), async || {
            enqueue(queue, 2).await.is_ok()
        })
        .await;
        assert_eq!(lease(queue).await.id, JobId([2; 16]));
    }
}

#[tokio::test]
async fn what_one_server_of_a_cluster_could_lose_is_told() {
    if !is_installed() {
        return;
    }
    let servers = super::server::cluster().await;
    assert!(servers[2].cli(&["CONFIG", "SET", "appendfsync", "no"]).contains("OK"));
    assert!(servers[1].cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).contains("OK"));
    let url = format!("redis+cluster://127.0.0.1:{}", servers[0].port).parse().unwrap();
    let backend = RedisBackend::new(&url, MeshId([1; 16]), Random::system()).unwrap();
    let sentences = backend.check().await.unwrap();
    let of = |server: &Server, word: &str| {
        let from = format!("127.0.0.1:{}: {word}", server.port);
        sentences.iter().any(|sentence| sentence.starts_with(&from))
    };
    assert!(of(&servers[2], "appendfsync is no"), "{sentences:?}");
    assert!(of(&servers[1], "maxmemory-policy is allkeys-lru"), "{sentences:?}");
    assert!(sentences.iter().any(|text| text.starts_with("a server of the cluster has no")));
    assert_eq!(sentences.len(), 3, "{sentences:?}");
}

#[tokio::test]
async fn a_replica_takes_the_place_of_a_master_in_a_cluster() {
    if !is_installed() {
        return;
    }
    let mut servers = super::server::cluster_with_replicas().await;
    let url =
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", servers[1].port, servers[2].port);
    // Spread over the slots.
    let queues: Vec<_> = (0..12).map(|at| open(&url, &format!("command{at}"))).collect();
    let mut running = Vec::new();
    for queue in &queues {
        for number in 1..=20 {
            enqueue(queue, number).await.unwrap();
        }
        running.push(lease(queue).await);
    }
    assert_ne!(servers[0].cli(&["DBSIZE"]).trim(), "0", "some of the queues are there");
    super::server::is_replicated(&servers[0]).await;
    servers[0].kill();
    for (at, queue) in queues.iter().enumerate() {
        super::server::eventually(&format!("queue {at} works"), async || {
            enqueue(queue, 21).await.is_ok()
        })
        .await;
    }
    assert!(servers[3].cli(&["ROLE"]).contains("master"), "{}", servers[3].cli(&["ROLE"]));
    for (queue, first) in queues.iter().zip(&running) {
        let done = || JobEnd::Done { reply: None };
        assert_eq!(queue.finish(first.token(), done()).await, Ok(Finished::Done));
        for number in 2..=21 {
            let next = lease(queue).await;
            assert_eq!((next.id, next.attempt), (JobId([number; 16]), 1));
            assert_eq!(queue.finish(next.token(), done()).await, Ok(Finished::Done));
        }
        assert_eq!(queue.depth().await.unwrap().live(), 0);
    }
}
