//! A mesh for tests: a master and workers of one process over real loopback sockets.

#[allow(dead_code)] // Not every test file needs a hostile peer.
pub(crate) mod raw;
#[allow(dead_code)] // Not every test file needs a Redis server.
#[path = "../../../queue/tests/redis/server.rs"]
pub(crate) mod server;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use meshwork_master::{Master, State};
use meshwork_schema::Schema;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use meshwork_worker::{Builder, Sources, Worker};
use tempfile::TempDir;

/// How long a condition may take to come true before a test gives up: far longer than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) struct Mesh {
    master: Option<Master>,
    address: SocketAddr,
    pub(crate) secret: MeshSecret,
    /// Where the master keeps its keys; goes with the mesh.
    #[allow(dead_code)] // Not every test file looks at them.
    pub(crate) state: TempDir,
}

impl Mesh {
    /// Starts a master with this schema on free ports.
    #[allow(dead_code)] // Not every test file goes by the default settings.
    pub(crate) async fn start(schema: &str) -> Self {
        Self::start_with(schema, |_| {}).await
    }

    /// As [`Mesh::start`], with some of the master's settings changed.
    pub(crate) async fn start_with(schema: &str, change: impl FnOnce(&mut MasterConfig)) -> Self {
        let schema = Schema::from_toml(schema).expect("the schema of a test is right");
        let secret = MeshSecret::generate(&Random::system());
        let state = TempDir::new().unwrap();
        let mut config = config(&secret);
        change(&mut config);
        let folder = State::folder(state.path());
        let master = Master::builder(schema, config).state(folder).start().await.unwrap();
        let address = master.mesh_addr();
        Self { master: Some(master), address, secret, state }
    }

    /// Another master of this mesh, which is not the mesh's own.
    #[allow(dead_code)] // Not every test file has two.
    pub(crate) async fn master_of(&self, schema: Schema, state: State) -> Master {
        let config = config(&self.secret);
        Master::builder(schema, config).state(state).start().await.unwrap()
    }

    /// Where the master listens, or did.
    #[allow(dead_code)] // Not every test file puts something between.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The master, while it runs.
    pub(crate) fn master(&self) -> &Master {
        self.master.as_ref().expect("the master runs")
    }

    /// Stops the master; workers go on.
    #[allow(dead_code)] // Not every test file does that.
    pub(crate) async fn stop_master(&mut self) {
        if let Some(master) = self.master.take() {
            master.shutdown().await;
        }
    }

    /// The members that the master knows, as `worker/variant`.
    #[allow(dead_code)] // Not every test file counts them.
    pub(crate) async fn members(&self) -> Vec<String> {
        let members = self.master().members().await.unwrap().members;
        members.iter().map(|info| info.member.key.to_string()).collect()
    }

    /// How the master sees its members, as `worker/variant Status`.
    #[allow(dead_code)] // Not every test file looks.
    pub(crate) async fn statuses(&self) -> Vec<String> {
        let members = self.master().members().await.unwrap().members;
        let status = |info: &meshwork_master::registry::MemberInfo| {
            format!("{} {:?}", info.member.key, info.member.status)
        };
        members.iter().map(status).collect()
    }

    /// A worker of this mesh, not started yet.
    pub(crate) fn worker(&self, name: &str) -> Builder {
        Worker::builder(name)
            .sources(Sources::nothing())
            .master(self.address.to_string())
            .secret(self.secret.expose_text().as_str())
            .listen("127.0.0.1:0")
    }
}

/// The settings of a master on free ports.
fn config(secret: &MeshSecret) -> MasterConfig {
    let mut config = MasterConfig::new(secret.clone());
    config.mesh_listen = "127.0.0.1:0".parse().unwrap();
    config.http_listen = "127.0.0.1:0".parse().unwrap();
    config
}

/// Waits until `condition` holds.
#[allow(dead_code)] // Not every test file waits for one.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let waited = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let result = tokio::time::timeout(PATIENCE, waited).await;
    assert!(result.is_ok(), "it never came true that {what}");
}

/// Waits for a future, but not forever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} never came"),
    }
}
