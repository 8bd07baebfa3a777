//! From settings and handlers to a running worker.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use actix::dev::{MessageResponse, ToEnvelope};
use actix::{AsyncContext, Message};
use bytes::Bytes;
use meshwork_queue::QueueBackend;
use meshwork_schema::{NameError, Variant};
use meshwork_shared::clock::Clock;
use meshwork_shared::config::{ConfigError, Credentials, Sources, WorkerConfig, WorkerSettings};
use meshwork_shared::identity::{AuthorityHash, NodeKey};
use meshwork_shared::net::Network;
use meshwork_shared::outcome::Failure;
use meshwork_shared::protocol::MemberKey;
use meshwork_shared::random::Random;
use meshwork_shared::secret::{LinkKind, Psk};
use thiserror::Error;

use crate::command::Command;
use crate::context::Context;
use crate::handler::actor::{ActorHandle, ActorHandler};
use crate::handler::table::{Registration, RegistrationError};
use crate::handler::{
    BlockingHandler, FutureHandler, Handler, Pool, RawBlockingHandler, RawHandler,
};
use crate::hooks::{Disconnection, Hooks};
use crate::jobs::event::JobEvent;
use crate::session::JoinError;
use crate::start;
use crate::worker::{Identity, Worker};

/// Why a worker did not start. Nothing of it is left running.
#[derive(Debug, Error)]
pub enum StartError {
    /// Settings that cannot be. All mistakes are in it; correct them.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Handlers that do not fit the schema. Correct the program or the schema.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Registration(Vec<RegistrationError>),
    /// A handler's name that no command can have. Correct the program.
    #[error("a handler is registered as {name:?}, which cannot be a command: {cause}")]
    CommandName {
        /// The name.
        name: String,
        /// What is wrong with it.
        cause: NameError,
    },
    /// The listen address is taken or not ours. Choose another, or port 0.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The address for HTTP is taken or not ours. Choose another, or port 0.
    #[error("cannot serve HTTP on {address}: {cause}")]
    HttpListen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Spans are to be sent, and this program was built without the feature `otlp`. Build it with
    /// that, or unset `otlp_endpoint`.
    #[error(
        "spans cannot be sent to {endpoint}: this program was built without the feature `otlp`"
    )]
    NoOtlp {
        /// Where they were to go.
        endpoint: String,
    },
    /// A key or pin file that cannot be used.
    #[error("{0}")]
    KeyFile(String),
    /// The queue cannot be opened. Correct its address, or start its store.
    #[error("the queue {address} cannot be opened: {cause}")]
    Queue {
        /// The address, without what could be a password.
        address: String,
        /// What is wrong.
        cause: String,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The master refuses this worker for good.
    #[error(transparent)]
    Join(JoinError),
    /// It was not ready in the time that was given, and is stopped again. Safe to retry.
    #[error("not ready within {within:?}: {cause}")]
    NotReady {
        /// The time that was given.
        within: Duration,
        /// What the last try to join failed of.
        cause: String,
    },
    /// The worker was shut down before it was ready.
    #[error("shut down before it was ready")]
    Stopped,
}

/// Where a worker's parts run and what they take time and chance from; real ones unless a test or
/// the simulation says otherwise.
pub(crate) struct Surroundings {
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// No threads at all: everything in the caller's `LocalSet`.
    pub(crate) in_place: bool,
}

type MakeHandler = Box<dyn FnOnce(Pool) -> Arc<dyn Handler> + Send>;

/// A worker that is being put together. What is not set here is taken from `MESHWORK_*` variables
/// and the file that `MESHWORK_CONFIG` names.
#[must_use = "a worker does nothing until it is started"]
pub struct Builder {
    pub(crate) settings: WorkerSettings,
    pub(crate) sources: Sources,
    pub(crate) hooks: Hooks,
    pub(crate) surroundings: Surroundings,
    pub(crate) ready_within: Option<Duration>,
    pub(crate) queue_backend: Option<Arc<dyn QueueBackend>>,
    handlers: Vec<(Option<&'static str>, String, MakeHandler)>,
}

impl Builder {
    pub(crate) fn new(worker: String) -> Self {
        let settings = WorkerSettings { worker: Some(worker), ..WorkerSettings::default() };
        Self {
            settings,
            sources: Sources::from_environment(std::env::vars_os()),
            hooks: Hooks::default(),
            surroundings: Surroundings {
                network: Network::Tcp,
                clock: Clock::system(),
                random: Random::system(),
                in_place: false,
            },
            ready_within: None,
            queue_backend: None,
            handlers: Vec::new(),
        }
    }

    // --- settings ---

    /// Where the master is: `http://host:port`, or `host:port` of its mesh port.
    pub fn master(mut self, address: impl Into<String>) -> Self {
        self.settings.master = Some(address.into());
        self
    }

    /// The mesh secret, as text. For a laptop; deploy with [`Builder::join_key`].
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.settings.secret = Some(secret.into().into());
        self
    }

    /// The join key of this worker's name, as text.
    pub fn join_key(mut self, key: impl Into<String>) -> Self {
        self.settings.join_key = Some(key.into().into());
        self
    }

    /// The name of this instance, such as a pod's; generated unless set.
    pub fn variant(mut self, variant: impl Into<String>) -> Self {
        self.settings.variant = Some(variant.into());
        self
    }

    /// Where to listen; default `0.0.0.0:0`, any free port.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.settings.listen = Some(address.into());
        self
    }

    /// Where its own HTTP listens: health, readiness, metrics. Unset: none is served. No token is
    /// asked for, so let only those reach it who may know how this worker does. Not served by a
    /// worker that starts [in place](Self::in_place).
    pub fn http_listen(mut self, address: impl Into<String>) -> Self {
        self.settings.http_listen = Some(address.into());
        self
    }

    /// Where peers reach it; unset: the local address of the link to the master.
    pub fn advertise(mut self, address: impl Into<String>) -> Self {
        self.settings.advertise.get_or_insert_default().push(address.into());
        self
    }

    /// Where the key of the process is kept; unset: a new one at each start.
    pub fn identity_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.identity_file = Some(path.into());
        self
    }

    /// Threads that carry links; 0 puts them on the thread that starts the worker.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.settings.lanes = Some(lanes);
        self
    }

    /// Where queues are kept: `memory` (the default), or the address of a store, such as
    /// `redis://host:6379/0?prefix=shop` or `file:/var/lib/shop/jobs.db`. All workers of a mesh
    /// need the same.
    pub fn queue(mut self, address: impl Into<String>) -> Self {
        self.settings.queue = Some(address.into());
        self
    }

    /// Keeps queues in this backend, whatever [`queue`](Self::queue) and the environment say.
    pub fn queue_backend(mut self, backend: Arc<dyn QueueBackend>) -> Self {
        self.queue_backend = Some(backend);
        self
    }

    /// Gives the start up when the worker is not ready by then. Unset: it waits for its master.
    pub fn ready_within(mut self, within: Duration) -> Self {
        self.ready_within = Some(within);
        self
    }

    /// Longest time that running handlers have to finish at shutdown.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = Some(grace);
        self
    }

    /// Makes a command of the schema without a handler an error at start.
    pub fn strict_handlers(mut self) -> Self {
        self.settings.strict_handlers = Some(true);
        self
    }

    /// Sets anything that has no method of its own, such as limits.
    pub fn settings(mut self, change: impl FnOnce(&mut WorkerSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Takes settings from these sources instead of the process's environment.
    pub fn sources(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// Takes time from `clock` instead of the system.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.surroundings.clock = clock;
        self
    }

    /// Takes chance from `random` instead of the system.
    pub fn random(mut self, random: Random) -> Self {
        self.surroundings.random = random;
        self
    }

    /// Opens its sockets in this network.
    pub fn network(mut self, network: Network) -> Self {
        self.surroundings.network = network;
        self
    }

    /// Starts no thread: everything runs in the `LocalSet` that starts the worker, blocking
    /// handlers included. For simulations; a handler that computes then holds up everything.
    pub fn in_place(mut self) -> Self {
        self.surroundings.in_place = true;
        self
    }

    // --- handlers ---

    /// Serves a command with an async function. It is polled in place first: one that computes for
    /// milliseconds belongs to [`Builder::handle_blocking`].
    pub fn handle<C, F, R>(self, function: F) -> Self
    where
        C: Command,
        F: Fn(Context, C) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Reply, Failure>> + Send + 'static,
    {
        self.register(Some(C::WORKER), C::NAME, |_| Arc::new(FutureHandler::new(function)))
    }

    /// Serves a command with a function that computes or blocks, on threads of its own.
    pub fn handle_blocking<C, F>(self, function: F) -> Self
    where
        C: Command,
        F: Fn(Context, C) -> Result<C::Reply, Failure> + Send + Sync + 'static,
    {
        let make = |pool| Arc::new(BlockingHandler::new(function, pool)) as Arc<dyn Handler>;
        self.register(Some(C::WORKER), C::NAME, make)
    }

    /// Serves a command with an actix actor. A full mailbox is answered `Overloaded`.
    pub fn handle_actor<C, A>(self, actor: &ActorHandle<A>) -> Self
    where
        C: Command + Message<Result = Result<<C as Command>::Reply, Failure>>,
        A: Actor + actix::Handler<C>,
        A::Context: AsyncContext<A> + ToEnvelope<A, C>,
        Result<C::Reply, Failure>: MessageResponse<A, C>,
    {
        let handler = ActorHandler::<A, C>::new(actor);
        self.register(Some(C::WORKER), C::NAME, |_| Arc::new(handler))
    }

    /// Serves a command with an async function over raw bytes.
    pub fn handle_raw<F, R>(self, command: &str, function: F) -> Self
    where
        F: Fn(Context, Bytes) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Bytes, Failure>> + Send + 'static,
    {
        self.register(None, command, |_| Arc::new(RawHandler::new(function)))
    }

    /// Serves a command with a function over raw bytes that computes or blocks.
    pub fn handle_raw_blocking<F>(self, command: &str, function: F) -> Self
    where
        F: Fn(Context, Bytes) -> Result<Bytes, Failure> + Send + Sync + 'static,
    {
        let make = |pool| Arc::new(RawBlockingHandler::new(function, pool)) as Arc<dyn Handler>;
        self.register(None, command, make)
    }

    fn register(
        mut self,
        owner: Option<&'static str>,
        command: &str,
        make: impl FnOnce(Pool) -> Arc<dyn Handler> + Send + 'static,
    ) -> Self {
        self.handlers.push((owner, command.to_owned(), Box::new(make)));
        self
    }

    pub(crate) fn take_registrations(&mut self) -> Vec<Registration> {
        let pool = if self.surroundings.in_place { Pool::InPlace } else { Pool::Threads };
        let handlers = std::mem::take(&mut self.handlers).into_iter();
        let registration = |(owner, command, make): (_, _, MakeHandler)| Registration {
            owner,
            command,
            handler: make(pool),
        };
        handlers.map(registration).collect()
    }

    // --- hooks ---

    /// Told once the worker is a member of the mesh. Hooks must not block.
    pub fn on_mesh(mut self, hook: impl Fn(Identity) + Send + Sync + 'static) -> Self {
        self.hooks.mesh.push(Arc::new(hook));
        self
    }

    /// Told of every peer that a link is made to.
    pub fn on_connection(mut self, hook: impl Fn(MemberKey) + Send + Sync + 'static) -> Self {
        self.hooks.connection.push(Arc::new(hook));
        self
    }

    /// Told of every peer that no link leads to any more.
    pub fn on_disconnection(
        mut self,
        hook: impl Fn(Disconnection) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.disconnection.push(Arc::new(hook));
        self
    }

    /// Told of what happens to the jobs that this instance runs. Called on the task that runs the
    /// job: hooks must not block.
    pub fn on_job(mut self, hook: impl Fn(JobEvent) + Send + Sync + 'static) -> Self {
        self.hooks.job.push(Arc::new(hook));
        self
    }

    /// Starts the worker and waits until it is a member that takes calls and has tried its first
    /// links. While there is no master it waits, and says so once a minute.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub async fn start(self) -> Result<Worker, StartError> {
        // Boxed: what a start passes through is far larger than what its caller should carry.
        Box::pin(start::start(self)).await
    }
}

/// What comes of the settings before anything runs.
pub(crate) struct Resolved {
    pub(crate) config: WorkerConfig,
    pub(crate) variant: Variant,
    pub(crate) node_key: NodeKey,
}

/// Checks the settings and makes what was left to chance.
pub(crate) fn resolve(builder: &Builder) -> Result<Resolved, StartError> {
    let config = WorkerConfig::load(&builder.sources, &builder.settings)?;
    let random = &builder.surroundings.random;
    let variant = match &config.variant {
        Some(variant) => variant.clone(),
        None => generated_variant(random),
    };
    let node_key = match &config.identity_file {
        Some(path) => NodeKey::load_or_create(path, random)
            .map_err(|error| StartError::KeyFile(error.to_string()))?,
        None => NodeKey::generate(random),
    };
    Ok(Resolved { config, variant, node_key })
}

/// Eight letters and digits by chance.
fn generated_variant(random: &Random) -> Variant {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let text: String =
        random.bytes::<8>().iter().map(|b| LETTERS[usize::from(b % 32)] as char).collect();
    Variant::new(&text).unwrap_or_else(|_| unreachable!("letters and digits are a variant"))
}

/// The addresses that were configured, resolved.
pub(crate) async fn advertised(config: &WorkerConfig) -> Result<Vec<SocketAddr>, StartError> {
    let mut resolved = Vec::new();
    for address in &config.advertise {
        let text = address.to_string();
        let found = tokio::net::lookup_host(&text).await;
        let cannot = |cause| StartError::Listen { address: text.clone(), cause };
        resolved.extend(found.map_err(cannot)?.next());
    }
    Ok(resolved)
}

/// The keys to be let in with, in the order to try them, and the authority that a join key names.
pub(crate) fn admission(credentials: &Credentials) -> (Vec<Psk>, Option<AuthorityHash>) {
    match credentials {
        Credentials::Mesh { secret, previous } => {
            let secrets = std::iter::once(secret).chain(previous);
            (secrets.map(|secret| secret.psk(LinkKind::Control)).collect(), None)
        }
        Credentials::Join(key) => (vec![key.psk()], Some(key.authority_hash())),
    }
}
