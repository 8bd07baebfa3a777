//! The boot order of a worker: settings, keys, listener, control, session; then wait until ready.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix::{Actor, Addr};
use meshwork_queue::QueueBackend;
use meshwork_schema::CommandName;
use meshwork_shared::config::{Credentials, WorkerConfig};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::ids::{Incarnation, MeshId};
use meshwork_shared::link::accept::{Accepting, listen_loop};
use meshwork_shared::link::lanes::Lanes;
use meshwork_shared::logging;
use meshwork_shared::net::Listener;
use meshwork_shared::protocol::ProcessId;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::activity::Activity;
use crate::authority::Authority;
use crate::builder::{Builder, Resolved, StartError, Surroundings, admission, advertised, resolve};
use crate::control::{Control, Inbound, Parts, Shutdown};
use crate::handler::table::Registration;
use crate::jobs::{self, Jobs};
use crate::session::{Claim, Session};
use crate::traces::{TraceOptions, Tracer};
use crate::trust::Trust;
use crate::worker::{Identity, Inner, Worker};

/// Accepted connections that may wait for the control.
const ACCEPTED_LEN: usize = 64;

/// What the control's thread starts from.
struct Boot {
    parts: Parts,
    session: SessionParts,
    accepting: Accepting<Trust>,
    listen: String,
    in_place: bool,
    /// Ends with the control.
    http: Http,
}

/// HTTP that is being served.
#[cfg(feature = "http")]
type Http = Option<crate::http::Serving>;

/// This build serves none.
#[cfg(not(feature = "http"))]
#[derive(Default)]
struct Http;

/// What the session needs beside what the control has.
struct SessionParts {
    config: WorkerConfig,
    claim: Claim,
}

pub(crate) async fn start(mut builder: Builder) -> Result<Worker, StartError> {
    let Resolved { config, variant, node_key } = resolve(&builder)?;
    if config.log.is_some() || config.log_format.is_some() {
        logging::init_as(config.log.as_deref(), config.log_format);
    }
    let registrations = builder.take_registrations();
    let commands = command_names(&registrations)?;
    let surroundings = &builder.surroundings;
    let (random, clock) = (surroundings.random.clone(), surroundings.clock.clone());
    let (_, hash) = admission(&config.credentials);
    let authority =
        Authority::new(config.authority, hash, config.strict, config.authority_file.clone())
            .map_err(StartError::KeyFile)?;
    let trust = Arc::new(Trust::new(mesh_id(&config), clock.clone(), &config.limits));
    let backend = open_queue(&builder, &config)?;
    let worker = make_worker(&builder, &config, &variant, &node_key, backend)?;
    let lanes = config.lanes.unwrap_or(Lanes::default_count());
    let lanes = if surroundings.in_place { 0 } else { lanes };
    let http = serve_http(surroundings, &config, &worker, &trust).await?;
    let (ready, is_ready) = oneshot::channel();
    let parts = Parts {
        worker: worker.clone(),
        trust: trust.clone(),
        authority: Arc::new(authority),
        network: surroundings.network,
        node_key: Arc::new(node_key.clone()),
        random: random.clone(),
        clock,
        limits: config.limits.clone(),
        lanes: Lanes::start_with(lanes, config.limits.dead_after).map_err(StartError::Thread)?,
        callers_runtime: (!surroundings.in_place && lanes == 0).then(Handle::current),
        hooks: builder.hooks.clone(),
        registrations,
        strict_handlers: config.strict_handlers,
        blocking_concurrency: config.blocking_concurrency,
        ready,
    };
    let claim = Claim {
        worker: config.worker.clone(),
        variant,
        process: ProcessId(random.next_u64()),
        commands,
        advertise: advertised(&config).await?,
        port: 0,
    };
    let accepting = Accepting {
        doorman: trust,
        node_key,
        random,
        limits: config.limits.clone(),
        counters: worker.inner().tally.handshakes.clone(),
    };
    let listen = config.listen.to_string();
    let in_place = surroundings.in_place;
    let session = SessionParts { config, claim };
    let control = run(Boot { parts, session, accepting, listen, in_place, http }).await?;
    worker.inner().set_control(control.clone());
    let mut guard = StopUnlessReady(Some(control));
    let is_ready = async { is_ready.await.unwrap_or(Err(StartError::Stopped)) };
    match builder.ready_within {
        None => is_ready.await?,
        Some(within) => tokio::time::timeout(within, is_ready).await.unwrap_or_else(|_| {
            let cause = worker.inner().join_failure();
            Err(StartError::NotReady { within, cause: cause.unwrap_or("no answer".to_owned()) })
        })?,
    }
    guard.0 = None;
    jobs::watch(&worker);
    Ok(worker)
}

/// Serves the worker's own HTTP, if it is to be served.
#[cfg(feature = "http")]
async fn serve_http(
    surroundings: &Surroundings,
    config: &WorkerConfig,
    worker: &Worker,
    trust: &Arc<Trust>,
) -> Result<Http, StartError> {
    let Some(address) = config.http_listen.filter(|_| !surroundings.in_place) else {
        return Ok(None);
    };
    let key = NodeKey::generate(&surroundings.random);
    trust.set_own_caller(key.node_id());
    let prober = crate::http::Prober {
        worker: worker.clone(),
        trust: trust.clone(),
        network: surroundings.network,
        key,
        random: surroundings.random.clone(),
        limits: config.limits.clone(),
        last: tokio::sync::Mutex::default(),
    };
    let facts = crate::http::Facts::new(worker.clone(), prober);
    let serving = crate::http::start(address, facts).await?;
    log::info!("HTTP of {} at http://{}", worker.identity(), serving.address);
    worker.inner().set_http_addr(serving.address);
    Ok(Some(serving))
}

/// A build without HTTP says so rather than leave health checks without an answer.
#[cfg(not(feature = "http"))]
async fn serve_http(
    _: &Surroundings,
    config: &WorkerConfig,
    _: &Worker,
    _: &Arc<Trust>,
) -> Result<Http, StartError> {
    let cause = || std::io::Error::other("this program was built without the feature `http`");
    match config.http_listen {
        None => Ok(Http),
        Some(address) => Err(StartError::HttpListen { address, cause: cause() }),
    }
}

/// Stops the control of a start that failed or was given up.
struct StopUnlessReady(Option<Addr<Control>>);

impl Drop for StopUnlessReady {
    fn drop(&mut self) {
        if let Some(control) = self.0.take() {
            // Fails only when it has stopped already, or has a full mailbox before its first
            // session, which cannot be.
            let _ = control.try_send(Shutdown);
        }
    }
}

/// The commands that have a handler, each once, sorted.
fn command_names(registrations: &[Registration]) -> Result<Vec<CommandName>, StartError> {
    let name = |registration: &Registration| {
        let name = registration.command.clone();
        CommandName::new(&name).map_err(|cause| StartError::CommandName { name, cause })
    };
    let names: Result<BTreeSet<_>, _> = registrations.iter().map(name).collect();
    Ok(names?.into_iter().collect())
}

fn make_worker(
    builder: &Builder,
    config: &WorkerConfig,
    variant: &meshwork_schema::Variant,
    node_key: &NodeKey,
    backend: Arc<dyn QueueBackend>,
) -> Result<Worker, StartError> {
    let identity = Identity {
        worker: config.worker.clone(),
        variant: variant.clone(),
        incarnation: Incarnation(0),
        node: node_key.node_id(),
    };
    let activity = Activity::default();
    let surroundings = &builder.surroundings;
    let (random, clock) = (surroundings.random.clone(), surroundings.clock.clone());
    let options = TraceOptions {
        one_in: config.trace_one_in,
        slow: config.slow_call,
        endpoint: config.otlp_endpoint.clone(),
        counts: config.metrics,
    };
    let tracer = Tracer::new(&options, random.clone(), &clock, &identity)?;
    let jobs = Jobs::new(backend, random, clock, builder.hooks.job.clone(), config.leave_after);
    let inner = Inner::new(identity, jobs, activity, tracer, Handle::current(), config.grace);
    Ok(Worker::from_inner(Arc::new(inner)))
}

/// Where queues are kept: what the program brings, or what the configuration names.
fn open_queue(
    builder: &Builder,
    config: &WorkerConfig,
) -> Result<Arc<dyn QueueBackend>, StartError> {
    if let Some(backend) = &builder.queue_backend {
        return Ok(backend.clone());
    }
    let (random, clock) = (builder.surroundings.random.clone(), builder.surroundings.clock.clone());
    meshwork_queue::open(config.queue.expose(), mesh_id(config), random, clock).map_err(|error| {
        StartError::Queue { address: config.queue.to_string(), cause: error.to_string() }
    })
}

fn mesh_id(config: &WorkerConfig) -> MeshId {
    match &config.credentials {
        Credentials::Mesh { secret, .. } => secret.mesh_id(),
        Credentials::Join(key) => key.mesh_id(),
    }
}

/// Starts the control, in the caller's `LocalSet` or on a thread of its own.
async fn run(boot: Boot) -> Result<Addr<Control>, StartError> {
    if boot.in_place {
        return begin(boot).await.map(|(control, _)| control);
    }
    let (started, is_started) = oneshot::channel();
    let thread = std::thread::Builder::new().name("meshwork-control".to_owned());
    let spawned = thread.spawn(move || {
        let mut boot = boot;
        let _http = std::mem::take(&mut boot.http);
        let system = actix_rt::System::new();
        system.block_on(async move {
            match begin(boot).await {
                Ok((control, stopped)) => {
                    let _ = started.send(Ok(control));
                    // The sender goes with the control.
                    let _ = stopped.await;
                }
                Err(error) => drop(started.send(Err(error))),
            }
        });
    });
    spawned.map_err(StartError::Thread)?;
    is_started.await.unwrap_or(Err(StartError::Stopped))
}

/// Listens, starts the control, and sets its session and its accept loop going. The receiver
/// resolves when the control has stopped; both tasks stop with it.
async fn begin(boot: Boot) -> Result<(Addr<Control>, oneshot::Receiver<()>), StartError> {
    let Boot { parts, session, accepting, listen, .. } = boot;
    let listener = parts.network.listen(&listen).await;
    let listener =
        listener.map_err(|cause| StartError::Listen { address: listen.clone(), cause })?;
    let address = listener.local_addr();
    let address = address.map_err(|cause| StartError::Listen { address: listen, cause })?;
    parts.worker.inner().set_listen_addr(address);
    let SessionParts { config, mut claim } = session;
    claim.port = address.port();
    let (psks, _) = admission(&config.credentials);
    let worker = parts.worker.without_deadline();
    let (trust, authority) = (parts.trust.clone(), parts.authority.clone());
    let (network, node_key) = (parts.network, parts.node_key.clone());
    let (random, clock) = (parts.random.clone(), parts.clock.clone());
    let (gone, stopped) = oneshot::channel();
    let control = Control::new(parts, gone).start();
    let session = Session {
        worker,
        control: control.clone(),
        trust,
        authority,
        network,
        master: config.master,
        psks,
        node_key,
        random,
        clock,
        limits: config.limits,
        claim,
    };
    // Both end when the control is gone: nobody takes what they bring.
    actix_rt::spawn(until_gone(control.clone(), session.run()));
    actix_rt::spawn(until_gone(control.clone(), accept(listener, accepting, control.clone())));
    Ok((control, stopped))
}

async fn until_gone(control: Addr<Control>, task: impl Future<Output = ()>) {
    let gone = async {
        while control.connected() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        biased;
        () = task => {}
        () = gone => {}
    }
}

async fn accept(listener: Listener, accepting: Accepting<Trust>, control: Addr<Control>) {
    let (sender, mut accepted) = mpsc::channel(ACCEPTED_LEN);
    let listening = listen_loop(listener, Arc::new(accepting), sender);
    let forwarding = async {
        while let Some(link) = accepted.recv().await {
            if control.send(Inbound(link)).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = forwarding => {}
        () = listening => {}
    }
}
