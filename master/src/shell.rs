//! What runs: opens the parts of a master in order, and closes them in order. Owned by the thread
//! of the master or by the caller's tasks; stopped by its [`Master`](crate::Master).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_web::dev::ServerHandle;
use meshwork_queue::QueueBackend;
use meshwork_schema::Schema;
use meshwork_shared::admission::HandshakeCounters;
use meshwork_shared::clock::Clock;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::identity::{AuthorityPublic, NodeKey};
use meshwork_shared::limits::Limits;
use meshwork_shared::link::accept::{Accepted, Accepting, listen_loop};
use meshwork_shared::net::{Listener, Network};
use meshwork_shared::protocol::limits::TO_WORKER_BYTES_MAX;
use meshwork_shared::random::Random;
use meshwork_shared::signed_schema::SCHEMA_BYTES_MAX;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::doorman::{MasterDoorman, Secrets};
use crate::http::{self, Access, Facts, Watch};
use crate::queue_roots::QueueRoots;
use crate::registry::RegistryConfig;
use crate::registry::actor::{Arrived, Drained, Halt, Offered, Parts, RegistryActor, SchemaNow};
use crate::schema_file;
use crate::signing::Signing;
use crate::start_error::StartError;
use crate::state::{KeptSchema, State};

/// Links that may wait for the registry; the next handshakes wait.
const ARRIVALS_LEN: usize = 64;

/// Messages that may wait for one link, in either direction; a worker that does not read so many is
/// closed.
const SESSION_ITEMS_MAX: usize = 4096;

/// Links beyond the members that there may be: those that have not joined yet, or again.
const SESSIONS_SPARE: usize = 1000;

/// How long links have to say their last word.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Everything that a master is started with.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) schema: Arc<Schema>,
    pub(crate) config: MasterConfig,
    pub(crate) registry: RegistryConfig,
    pub(crate) state: State,
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    /// `None`: the operating system's.
    pub(crate) random: Option<Random>,
    pub(crate) http: bool,
    /// Where `schema` comes from, if it is to be watched.
    pub(crate) schema_file: Option<PathBuf>,
}

/// What is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) registry: Addr<RegistryActor>,
    pub(crate) mesh_addr: SocketAddr,
    pub(crate) http_addr: Option<SocketAddr>,
    pub(crate) authority: AuthorityPublic,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) handshakes: Arc<HandshakeCounters>,
    /// Makes the watcher of the schema file look at once.
    pub(crate) look_at_file: Arc<Notify>,
}

/// Runs a master until `stop` is used or dropped.
pub(crate) async fn run(
    plan: Plan,
    opened: oneshot::Sender<Result<Opened, StartError>>,
    stop: oneshot::Receiver<()>,
) {
    let (running, outcome) = match Running::open(plan).await {
        Ok((running, opened)) => (Some(running), Ok(opened)),
        Err(error) => (None, Err(error)),
    };
    // Whoever started it may have given up meanwhile: then `stop` is dropped as well.
    let _ = opened.send(outcome);
    if let Some(running) = running {
        let _ = stop.await;
        running.close().await;
    }
}

/// The parts that have to be closed.
struct Running {
    registry: Addr<RegistryActor>,
    listening: JoinHandle<()>,
    arriving: JoinHandle<()>,
    http: Option<ServerHandle>,
    watching: Option<JoinHandle<()>>,
}

impl Running {
    async fn open(plan: Plan) -> Result<(Self, Opened), StartError> {
        let bytes = plan.schema.canonical_json().len();
        if bytes > SCHEMA_BYTES_MAX {
            return Err(StartError::SchemaTooLarge { bytes, limit: SCHEMA_BYTES_MAX });
        }
        let look_at_file = Arc::new(Notify::new());
        let random = plan.random.clone().unwrap_or_else(Random::system);
        let signing = Signing::new(plan.state.authority(&random)?, plan.config.secret.mesh_id());
        let authority = signing.public();
        let (access, token_file) = access(&plan, &random)?;
        let (listener, mesh_addr) = listen(plan.network, plan.config.mesh_listen).await?;
        let node_key = NodeKey::generate(&random);
        let (actor, doorman) = registry(&plan, signing, &node_key, &random)?;
        let (events, watch_random) = (actor.events(), random.clone());
        let registry = actor.start();
        let limits = session_limits(&plan.config.limits);
        let counters = Arc::new(HandshakeCounters::default());
        let accepting = Accepting { doorman, node_key, random, limits, counters: counters.clone() };
        // It answers once the schema is in force, without which nobody can be introduced.
        registry.send(SchemaNow).await.map_err(|_| StartError::Died)?;
        let (accepted, arrivals) = mpsc::channel(ARRIVALS_LEN);
        let listening = actix_rt::spawn(listen_loop(listener, Arc::new(accepting), accepted));
        let arriving = actix_rt::spawn(hand_over(arrivals, registry.clone()));
        log::info!("workers join at {mesh_addr}; the authority is {authority}");
        let store = open_store(&plan, &watch_random)?;
        let http = match access {
            None => None,
            Some(access) => {
                let address = plan.config.http_listen;
                let facts = Facts {
                    registry: registry.clone(),
                    handshakes: counters.clone(),
                    mesh_port: mesh_addr.port(),
                    advertise: plan.config.advertise.clone(),
                    authority: authority.id(),
                    access,
                    events,
                    clock: plan.clock.clone(),
                    watch: Watch::new(watch_random, store),
                };
                Some(serve_http(address, facts)?)
            }
        };
        let (http, http_addr) = http.unzip();
        let opened = Opened {
            registry: registry.clone(),
            mesh_addr,
            http_addr,
            authority,
            token_file,
            handshakes: counters,
            look_at_file: look_at_file.clone(),
        };
        let watch = |path| schema_file::watch(path, registry.clone(), look_at_file);
        let watching = plan.schema_file.clone().map(|path| actix_rt::spawn(watch(path)));
        Ok((Self { registry, listening, arriving, http, watching }, opened))
    }

    async fn close(self) {
        self.listening.abort();
        self.arriving.abort();
        self.watching.iter().for_each(JoinHandle::abort);
        let (drained, none_left) = oneshot::channel();
        // An actor that is gone has no links.
        if self.registry.send(Drained(drained)).await.is_ok() {
            let _ = tokio::time::timeout(LAST_WORDS, none_left).await;
        }
        if let Some(http) = self.http {
            http.stop(true).await;
        }
        let _ = self.registry.send(Halt).await;
        log::info!("the master has stopped");
    }
}

async fn listen(
    network: Network,
    address: SocketAddr,
) -> Result<(Listener, SocketAddr), StartError> {
    let failed = |cause| StartError::MeshListen { address, cause };
    let listener = network.listen(&address.to_string()).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// What HTTP asks for, and the file of the token if the master keeps one; nothing without HTTP.
fn access(plan: &Plan, random: &Random) -> Result<(Option<Access>, Option<PathBuf>), StartError> {
    if !plan.http {
        return Ok((None, None));
    }
    if plan.config.open {
        return Ok((Some(Access::Open), None));
    }
    if let Some(token) = plan.config.admin_token.clone() {
        let whereabouts = "the token is the configured `admin_token`".to_owned();
        return Ok((Some(Access::Token { token, whereabouts }), None));
    }
    let (token, file) = plan.state.token(random)?;
    let whereabouts = match &file {
        Some(path) => format!("the token is in {} on the master's machine", path.display()),
        None => "the master keeps its token in memory only: configure an `admin_token`".to_owned(),
    };
    Ok((Some(Access::Token { token, whereabouts }), file))
}

/// Where the workers keep their queues, if the master is to look.
fn open_store(plan: &Plan, random: &Random) -> Result<Option<Arc<dyn QueueBackend>>, StartError> {
    let Some(address) = plan.config.queue.as_ref().filter(|_| plan.http) else { return Ok(None) };
    let mesh = plan.config.secret.mesh_id();
    let opened = meshwork_queue::open(address.expose(), mesh, random.clone(), plan.clock.clone());
    opened.map(Some).map_err(|error| StartError::Queue {
        address: address.to_string(),
        cause: error.to_string(),
    })
}

fn serve_http(address: SocketAddr, facts: Facts) -> Result<(ServerHandle, SocketAddr), StartError> {
    let whereabouts = match &facts.access {
        Access::Open => "no token is asked for".to_owned(),
        Access::Token { whereabouts, .. } => whereabouts.clone(),
    };
    let failed = |cause| StartError::HttpListen { address, cause };
    let (server, handle, bound) = http::serve(address, facts).map_err(failed)?;
    actix_rt::spawn(async move {
        if let Err(error) = server.await {
            log::error!("HTTP is not served any more: {error}");
        }
    });
    log::info!("HTTP at http://{bound}; {whereabouts}");
    Ok((handle, bound))
}

fn registry(
    plan: &Plan,
    signing: Signing,
    node_key: &NodeKey,
    random: &Random,
) -> Result<(RegistryActor, Arc<MasterDoorman>), StartError> {
    let secrets = Secrets {
        current: plan.config.secret.clone(),
        previous: plan.config.secret_previous.clone(),
        join_keys_only: plan.config.join_keys_only,
    };
    let roots = plan.state.roots(plan.clock.unix_ms(), random)?;
    let KeptSchema { schema, offered, is_waiting } = schema(plan)?;
    let parts = Parts {
        queue_roots: QueueRoots::new(signing.mesh(), roots),
        random: random.clone(),
        signing: signing.clone(),
        clock: plan.clock.clone(),
        state: plan.state.clone(),
        limits: session_limits(&plan.config.limits),
        sessions_max: plan.registry.members_max.saturating_add(SESSIONS_SPARE),
        offered: Offered { fingerprint: offered, is_waiting },
    };
    let durable = plan.state.durable()?;
    let (node, clock) = (node_key.node_id(), plan.clock.clone());
    let doorman = |epoch| Arc::new(MasterDoorman::new(secrets, signing, node, clock, epoch));
    Ok(RegistryActor::new(plan.registry.clone(), schema, durable, parts, doorman))
}

/// The schema to start with: the given one, unless that is what it was when another was put in
/// force over it.
fn schema(plan: &Plan) -> Result<KeptSchema, StartError> {
    let offered = plan.schema.fingerprint();
    match plan.state.kept_schema()? {
        Some(kept) if kept.offered == offered => {
            if kept.schema.fingerprint() != offered {
                log::warn!(
                    "the schema of the last run stays in force, not the given one: it was put in \
                     force over that, or that was refused; change the given one and it counts"
                );
            }
            Ok(kept)
        }
        Some(_) | None => {
            let kept = KeptSchema { schema: plan.schema.clone(), offered, is_waiting: false };
            if let Err(error) = plan.state.keep_schema(kept.clone()) {
                log::error!("going on without, a restart loads the given schema: {error}");
            }
            Ok(kept)
        }
    }
}

/// The configured bounds, so that every control message fits.
fn session_limits(configured: &Limits) -> Limits {
    Limits {
        message_bytes_max: configured.message_bytes_max.max(TO_WORKER_BYTES_MAX),
        calls_in_flight_max: configured.calls_in_flight_max.min(SESSION_ITEMS_MAX),
        ..configured.clone()
    }
}

/// From the listener to the registry.
async fn hand_over(mut arrivals: mpsc::Receiver<Accepted>, registry: Addr<RegistryActor>) {
    while let Some(accepted) = arrivals.recv().await {
        if registry.send(Arrived(accepted)).await.is_err() {
            return;
        }
    }
}
