//! Connections to the store: to a single server, to the master that sentinels name, to a cluster.
//!
//! The crate's own connection manager is not used: it hides whether a command was sent before its
//! connection broke, and an enqueue must say so.

use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo};
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, TlsMode, Value,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::url::{Kind, RedisUrl};

/// How long a connection may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an answer may take. No command of ours blocks in the server.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Commands that wait to be written to one connection; more callers wait themselves.
const PIPELINE: usize = 256;

/// Makes connections.
pub(super) enum Connector {
    Single(Client),
    Sentinel(Mutex<SentinelClient>),
    Cluster { client: ClusterClient, seeds: Vec<Client> },
}

/// One connection; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connector {
    /// Reads certificates; connects to nothing yet.
    ///
    /// # Errors
    /// What is wrong with the address or the certificates.
    pub(super) fn new(url: &RedisUrl) -> Result<Self, String> {
        let certificates = certificates(url)?;
        if url.tls.is_some() {
            // Another provider that the process installed before is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Self::build(url, certificates).map_err(|error| error.to_string())
    }

    fn build(url: &RedisUrl, certificates: Option<TlsCertificates>) -> RedisResult<Self> {
        let addresses = url.hosts.iter().map(|(host, port)| address(url, host, *port));
        let client = |address: ConnectionAddr| -> RedisResult<Client> {
            let info = address.into_connection_info()?;
            let info = info.set_redis_settings(settings(url)).set_tcp_settings(tcp());
            match &certificates {
                Some(certificates) => Client::build_with_tls(info, certificates.clone()),
                None => Client::open(info),
            }
        };
        Ok(match &url.kind {
            Kind::Single => match addresses.map(client).next() {
                Some(client) => Self::Single(client?),
                None => return Err((redis::ErrorKind::InvalidClientConfig, "no host").into()),
            },
            Kind::Cluster => {
                let seeds = addresses.clone().map(client).collect::<RedisResult<_>>()?;
                Self::Cluster { client: cluster(url, addresses, certificates)?, seeds }
            }
            Kind::Sentinel(master) => {
                let sentinel = sentinel(url, addresses, master, certificates)?;
                Self::Sentinel(Mutex::new(sentinel))
            }
        })
    }

    /// A new connection, within [`CONNECT_TIMEOUT`].
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_pipeline_buffer_size(PIPELINE);
        within(async {
            Ok(match self {
                Self::Single(client) => Connection::Single(
                    client.get_multiplexed_async_connection_with_config(&config).await?,
                ),
                Self::Sentinel(sentinel) => {
                    let client = sentinel.lock().await.async_get_client().await?;
                    Connection::Single(
                        client.get_multiplexed_async_connection_with_config(&config).await?,
                    )
                }
                Self::Cluster { client, .. } => {
                    Connection::Cluster(client.get_async_connection().await?)
                }
            })
        })
        .await
    }

    /// A connection that messages are heard on; in a cluster each server passes them on.
    pub(super) async fn subscriber(&self) -> RedisResult<PubSub> {
        match self {
            Self::Single(client) => within(client.get_async_pubsub()).await,
            Self::Sentinel(sentinel) => {
                within(async {
                    let client = sentinel.lock().await.async_get_client().await?;
                    client.get_async_pubsub().await
                })
                .await
            }
            Self::Cluster { seeds, .. } => {
                let mut last = None;
                for seed in seeds {
                    match within(seed.get_async_pubsub()).await {
                        Ok(subscriber) => return Ok(subscriber),
                        Err(error) => last = Some(error),
                    }
                }
                let none = || (redis::ErrorKind::InvalidClientConfig, "no host").into();
                Err(last.unwrap_or_else(none))
            }
        }
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster { .. })
    }
}

async fn within<T>(connecting: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(result) => result,
        Err(_) => Err(RedisError::from(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "no connection in time",
        ))),
    }
}

fn address(url: &RedisUrl, host: &str, port: u16) -> ConnectionAddr {
    match url.tls {
        None => ConnectionAddr::Tcp(host.to_owned(), port),
        Some(_) => ConnectionAddr::TcpTls {
            host: host.to_owned(),
            port,
            insecure: false,
            tls_params: None,
        },
    }
}

fn settings(url: &RedisUrl) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_db(url.db);
    if let Some(user) = &url.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &url.password {
        settings = settings.set_password(password);
    }
    settings
}

/// A peer that is gone without a word is found out after some seconds.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true).set_user_timeout(RESPONSE_TIMEOUT)
}

fn cluster(
    url: &RedisUrl,
    addresses: impl Iterator<Item = ConnectionAddr>,
    certificates: Option<TlsCertificates>,
) -> RedisResult<ClusterClient> {
    let seeds = addresses.map(IntoConnectionInfo::into_connection_info);
    let seeds = seeds.collect::<RedisResult<Vec<_>>>()?;
    // It repeats nothing by itself: it would not say whether the first try was sent.
    let mut builder = ClusterClientBuilder::new(seeds)
        .retries(0)
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(RESPONSE_TIMEOUT)
        .tcp_settings(tcp());
    if let Some(user) = &url.user {
        builder = builder.username(user);
    }
    if let Some(password) = &url.password {
        builder = builder.password(password);
    }
    if url.tls.is_some() {
        builder = builder.tls(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    builder.build()
}

fn sentinel(
    url: &RedisUrl,
    addresses: impl Iterator<Item = ConnectionAddr>,
    master: &str,
    certificates: Option<TlsCertificates>,
) -> RedisResult<SentinelClient> {
    let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
        .set_client_to_redis_db(url.db)
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_sentinel_tcp_settings(tcp());
    if let Some(user) = &url.user {
        builder = builder.set_client_to_redis_username(user);
        if url.sentinel_auth {
            builder = builder.set_client_to_sentinel_username(user);
        }
    }
    if let Some(password) = &url.password {
        builder = builder.set_client_to_redis_password(password);
        if url.sentinel_auth {
            builder = builder.set_client_to_sentinel_password(password);
        }
    }
    if url.tls.is_some() {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    builder.build()
}

fn certificates(url: &RedisUrl) -> Result<Option<TlsCertificates>, String> {
    let Some(tls) = &url.tls else { return Ok(None) };
    let read = |path: &Option<std::path::PathBuf>| match path {
        None => Ok(None),
        Some(path) => match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => Err(format!("cannot read {}: {error}", path.display())),
        },
    };
    let client_tls = match (read(&tls.cert)?, read(&tls.key)?) {
        (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig { client_cert, client_key }),
        (None, None) => None,
        _ => return Err("`cert` and `key` belong together".to_owned()),
    };
    Ok(Some(TlsCertificates { client_tls, root_cert: read(&tls.ca)? }))
}

impl Connection {
    /// Sends a command and waits for its answer.
    pub(super) async fn query(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// Sends a command to the server, or to all masters of a cluster. Each answer comes with the
    /// address of who gave it; that of the only server has none.
    pub(super) async fn query_all(&mut self, command: &Cmd) -> RedisResult<Vec<(String, Value)>> {
        let Self::Cluster(connection) = self else {
            return Ok(vec![(String::new(), self.query(command).await?)]);
        };
        let masters = (MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::Special));
        let routing = RoutingInfo::MultiNode(masters);
        let answers = connection.route_command(command.clone(), routing).await?;
        let Value::Map(answers) = answers else { return Ok(Vec::new()) };
        let named = |(address, answer): (Value, Value)| match address {
            Value::BulkString(address) => (String::from_utf8_lossy(&address).into_owned(), answer),
            Value::SimpleString(address) => (address, answer),
            _ => (String::new(), answer),
        };
        Ok(answers.into_iter().map(named).collect())
    }
}
