//! Real Redis servers for tests: each on a free port, in a folder of its own, gone with the test.

use std::ffi::OsString;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use meshwork_shared::random::Random;
use tempfile::TempDir;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// After how long without an answer the others take a server for dead. None that lives is silent
/// for so long, however busy the machine.
const DOWN_AFTER_MS: &str = "5000";

/// The server's program: Redis, or what `MESHWORK_REDIS_SERVER` names instead, such as Valkey.
fn program() -> OsString {
    std::env::var_os("MESHWORK_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// Whether there are servers to test with. Set `MESHWORK_SKIP_REDIS=1` to go without.
///
/// # Panics
/// When there is no server and nobody said that this is meant.
pub(crate) fn is_installed() -> bool {
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

/// A server that runs, or did.
pub(crate) struct Server {
    folder: TempDir,
    pub(crate) port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// A server with these options beside its own: append-only file, synced with each write.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let own = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
        let options = own.iter().chain(options).map(|text| (*text).to_owned()).collect();
        let mut server = Self {
            folder: tempfile::tempdir().expect("a folder"),
            port: free_port(),
            options,
            child: None,
        };
        server.restart().await;
        server
    }

    /// A sentinel that watches the master `main` on this port.
    pub(crate) async fn start_sentinel(master: u16, quorum: u8) -> Self {
        let mut server = Self {
            folder: tempfile::tempdir().expect("a folder"),
            port: free_port(),
            options: vec!["--sentinel".to_owned()],
            child: None,
        };
        let lines = format!(
            "sentinel monitor main 127.0.0.1 {master} {quorum}\n\
             sentinel down-after-milliseconds main {DOWN_AFTER_MS}\n\
             sentinel failover-timeout main 5000\n"
        );
        std::fs::write(server.folder.path().join("sentinel.conf"), lines).expect("a file");
        let path = server.folder.path().join("sentinel.conf");
        server.options.insert(0, path.display().to_string());
        server.restart().await;
        server
    }

    /// Opens a second port, with TLS; its certificate is among the options.
    pub(crate) fn also_listen_with_tls(&self) -> u16 {
        let port = free_port();
        assert!(self.cli(&["CONFIG", "SET", "tls-port", &port.to_string()]).contains("OK"));
        port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it (again) and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        let child = Command::new(program())
            .args(&self.options)
            .args(["--port", &self.port.to_string()])
            .args(["--bind", "127.0.0.1", "--dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
        for _ in 0..PATIENCE.as_millis() / 20 {
            // Refused for want of a password is an answer.
            let answer = self.cli(&["PING"]);
            if answer.contains("PONG") || answer.contains("NOAUTH") || answer.contains("closed") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server on port {} does not answer", self.port);
    }

    /// SIGKILL: what is not on disk is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP: it accepts connections and answers nothing.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("it runs");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    /// What `redis-cli` prints of a command.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output();
        let output = output.expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    }

    /// How often a command was called since the server was last told to forget that.
    pub(crate) fn calls(&self, command: &str) -> u32 {
        let stats = self.cli(&["INFO", "commandstats"]);
        let named = format!("cmdstat_{command}:calls=");
        let calls = stats.lines().find_map(|line| line.strip_prefix(&named)?.split(',').next());
        calls.map_or(0, |calls| calls.parse().expect("a number"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..2 * PATIENCE.as_millis() / 50 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not in time");
}

/// Ports to choose from. They and those for the cluster (10 000 more) are below the ones that the
/// system gives to clients: these would take the place of a server that is away for a moment, or
/// connect to themselves on it.
const PORTS: (u16, u16) = (10_000, 20_000);

/// Ports that are tried.
const TRIES: usize = 200;

/// A port that nobody listens on, nor on its port for the cluster. A process gets each one once;
/// what others run at the same time begins elsewhere.
fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let count = PORTS.1 - PORTS.0;
    let random = || AtomicU16::new(Random::system().below(u64::from(count)) as u16);
    let next = NEXT.get_or_init(random);
    let is_free = |port: &u16| {
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        free(*port) && free(*port + 10_000)
    };
    let draw = |_| PORTS.0 + next.fetch_add(1, Ordering::Relaxed) % count;
    (0..TRIES).map(draw).find(is_free).expect("a free port")
}

/// Three masters that share the slots.
pub(crate) async fn cluster() -> Vec<Server> {
    cluster_of(3).await
}

/// Three masters that share the slots, and a replica of each, in the same order.
pub(crate) async fn cluster_with_replicas() -> Vec<Server> {
    let servers = cluster_of(6).await;
    let (masters, replicas) = servers.split_at(3);
    for (master, replica) in masters.iter().zip(replicas) {
        let id = master.cli(&["CLUSTER", "MYID"]);
        assert!(replica.cli(&["CLUSTER", "REPLICATE", id.trim()]).contains("OK"));
    }
    for (master, replica) in masters.iter().zip(replicas) {
        eventually("the replica follows, and all know it", async || {
            let knows =
                |server: &Server| server.cli(&["CLUSTER", "NODES"]).matches("slave").count() == 3;
            replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
                && knows(master)
                && knows(replica)
        })
        .await;
    }
    servers
}

/// Waits until the replica has all that the master wrote.
pub(crate) async fn is_replicated(master: &Server) {
    eventually("the replica has everything", async || {
        let info = master.cli(&["INFO", "replication"]);
        let number = |from: &str| {
            let rest = info.split_once(from)?.1;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
        };
        let sent = number("master_repl_offset:");
        sent.is_some() && sent == number(",offset=")
    })
    .await;
}

/// Three masters that share the slots and talk with TLS, and the ports where they listen to it;
/// their certificate is among the options.
pub(crate) async fn cluster_with_tls(options: &[&str]) -> (Vec<Server>, Vec<u16>) {
    let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
    let mut servers = Vec::new();
    for port in &ports {
        let port = port.to_string();
        let own = ["--tls-cluster", "yes", "--tls-replication", "yes", "--tls-port", &port];
        servers.push(Server::start(&[&CLUSTER[..], &own, options].concat()).await);
    }
    join(&servers, &ports).await;
    (servers, ports)
}

/// What makes a server one of a cluster.
const CLUSTER: [&str; 4] = ["--cluster-enabled", "yes", "--cluster-node-timeout", DOWN_AFTER_MS];

/// That many servers, of which the first three share the slots.
async fn cluster_of(count: usize) -> Vec<Server> {
    let mut servers = Vec::new();
    for _ in 0..count {
        servers.push(Server::start(&CLUSTER).await);
    }
    let ports: Vec<u16> = servers.iter().map(|server| server.port).collect();
    join(&servers, &ports).await;
    servers
}

/// Makes one cluster of them, by the ports that its servers call each other at.
async fn join(servers: &[Server], ports: &[u16]) {
    for (server, slots) in servers.iter().zip([0..=5460, 5461..=10_922, 10_923..=16_383]) {
        // One by one: ranges are new in 7.0.
        let slots: Vec<String> = slots.map(|slot: u16| slot.to_string()).collect();
        let slots = slots.iter().map(String::as_str);
        let words: Vec<&str> = ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots).collect();
        assert!(server.cli(&words).contains("OK"));
    }
    for port in &ports[1..] {
        let port = port.to_string();
        assert!(servers[0].cli(&["CLUSTER", "MEET", "127.0.0.1", &port]).contains("OK"));
    }
    for server in servers {
        eventually("the cluster is one", async || {
            let info = server.cli(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok")
                && info.contains(&format!("cluster_known_nodes:{}", servers.len()))
        })
        .await;
    }
}
