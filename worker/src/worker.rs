//! The handle that user code holds: calls, queries, shutdown. Cheap to clone, usable from any
//! thread and any tokio runtime.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use actix::Addr;
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use meshwork_queue::seal::JobKeys;
use meshwork_schema::{Schema, Variant, WorkerName};
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::link::message::Body;
use meshwork_shared::outcome::{CallError, NotExecuted};
use meshwork_shared::protocol::{Member, MemberKey, QueueKeys};
use meshwork_shared::record::TraceContext;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::activity::Activity;
use crate::builder::Builder;
use crate::call::balanced::{Call, RawCall};
use crate::call::broadcast::{Broadcast, RawBroadcast};
use crate::call::direct::Peer;
use crate::call::options::CallOptions;
use crate::call::{Asking, encode, json_body};
use crate::command::Command;
use crate::control::{Control, PeerDrains, Shutdown};
use crate::handler::table::Handlers;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::metrics::depths::Depths;
use crate::metrics::tally::Tally;
use crate::routes::Routes;
use crate::traces::Tracer;
use crate::wakeup::{Changes, Stop};

/// Handlers that computed in place are warned about at most this often.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Who this worker is in the mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What kind of process it is.
    pub worker: WorkerName,
    /// Which instance.
    pub variant: Variant,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Its public key.
    pub node: NodeId,
}

impl Identity {
    /// Worker and variant.
    pub fn key(&self) -> MemberKey {
        MemberKey { worker: self.worker.clone(), variant: self.variant.clone() }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.worker, self.variant)
    }
}

/// What all handles of a worker share.
pub(crate) struct Inner {
    identity: ArcSwap<Identity>,
    pub(crate) routes: ArcSwap<Routes>,
    changes: watch::Sender<u64>,
    /// The same, for those who wait inside of the worker.
    pub(crate) wakeup: Changes,
    pub(crate) stopping: Stop,
    schema: ArcSwapOption<Schema>,
    /// The number that the master gave it; 0 before there is one.
    schema_number: AtomicU64,
    handlers: ArcSwapOption<Handlers>,
    pub(crate) activity: Activity,
    pub(crate) tally: Tally,
    pub(crate) tracer: Arc<Tracer>,
    pub(crate) depths: Depths,
    pub(crate) jobs: Jobs,
    /// What jobs in a shared store are sealed with; the control puts them here.
    pub(crate) job_keys: ArcSwap<JobKeys>,
    control: OnceLock<Addr<Control>>,
    listens: OnceLock<SocketAddr>,
    http_listens: OnceLock<SocketAddr>,
    /// Whether it was ready once: a member that takes calls.
    joined: AtomicBool,
    /// Where tasks that outlive a link run.
    runtime: Handle,
    warned: Mutex<Option<Instant>>,
    /// Whether there is a session with the master.
    has_master: AtomicBool,
    /// Why there is no session with the master, if there is none.
    join_failure: Mutex<Option<String>>,
    grace: Duration,
}

impl Inner {
    pub(crate) fn new(
        identity: Identity,
        jobs: Jobs,
        activity: Activity,
        tracer: Arc<Tracer>,
        runtime: Handle,
        grace: Duration,
    ) -> Self {
        Self {
            job_keys: ArcSwap::from_pointee(JobKeys::none(identity.worker.clone())),
            identity: ArcSwap::from_pointee(identity),
            routes: ArcSwap::default(),
            changes: watch::Sender::new(0),
            wakeup: Changes::default(),
            stopping: Stop::default(),
            schema: ArcSwapOption::empty(),
            schema_number: AtomicU64::new(0),
            handlers: ArcSwapOption::empty(),
            activity,
            tally: Tally::default(),
            tracer,
            depths: Depths::default(),
            jobs,
            control: OnceLock::new(),
            listens: OnceLock::new(),
            http_listens: OnceLock::new(),
            joined: AtomicBool::new(false),
            runtime,
            warned: Mutex::new(None),
            has_master: AtomicBool::new(false),
            join_failure: Mutex::new(None),
            grace,
        }
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::clone(&self.identity.load())
    }

    pub(crate) fn set_incarnation(&self, incarnation: Incarnation) {
        self.identity.store(Arc::new(Identity { incarnation, ..self.identity() }));
    }

    pub(crate) fn set_routes(&self, routes: Routes) {
        self.routes.store(Arc::new(routes));
        self.routes_changed();
    }

    /// Wakes whoever waits for an instance.
    pub(crate) fn routes_changed(&self) {
        self.changes.send_modify(|number| *number = number.wrapping_add(1));
        self.wakeup.tell();
    }

    /// Tells of every change of routes, members and schema.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// True once the worker takes no new work.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_stopped()
    }

    pub(crate) fn stop_taking_work(&self) {
        self.stopping.stop();
    }

    pub(crate) fn schema(&self) -> Option<Arc<Schema>> {
        self.schema.load_full()
    }

    pub(crate) fn schema_number(&self) -> u64 {
        self.schema_number.load(Ordering::Relaxed)
    }

    pub(crate) fn set_schema(&self, schema: Arc<Schema>, number: u64) {
        self.schema_number.store(number, Ordering::Relaxed);
        self.schema.store(Some(schema));
    }

    /// Takes keys of queued jobs; wakes whoever waits for them.
    pub(crate) fn add_job_keys(&self, sent: &QueueKeys) {
        self.job_keys.store(Arc::new(self.job_keys.load().with(sent)));
        self.wakeup.tell();
    }

    pub(crate) fn handlers(&self) -> Option<Arc<Handlers>> {
        self.handlers.load_full()
    }

    pub(crate) fn set_handlers(&self, handlers: Arc<Handlers>) {
        self.handlers.store(Some(handlers));
    }

    pub(crate) fn set_control(&self, control: Addr<Control>) {
        // Set once, by the builder.
        let _ = self.control.set(control);
    }

    pub(crate) fn set_listen_addr(&self, address: SocketAddr) {
        // Set once, before the control starts.
        let _ = self.listens.set(address);
    }

    #[cfg(feature = "http")]
    pub(crate) fn set_http_addr(&self, address: SocketAddr) {
        // Set once, by the start.
        let _ = self.http_listens.set(address);
    }

    /// It is a member now, and takes calls.
    pub(crate) fn set_joined(&self) {
        self.joined.store(true, Ordering::Relaxed);
    }

    #[cfg(feature = "http")]
    /// Whether it became a member that takes calls; the master may be away since.
    pub(crate) fn is_joined(&self) -> bool {
        self.joined.load(Ordering::Relaxed)
    }

    /// Tells the control, however full its mailbox is.
    pub(crate) fn tell(&self, message: PeerDrains) {
        if let Some(control) = self.control.get().cloned() {
            // A control that is gone has closed its links.
            self.spawn(async move {
                let _ = control.send(message).await;
            });
        }
    }

    /// Runs a task for as long as the worker's runtime lives.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// Where tasks run that must be joined.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(crate) fn grace(&self) -> Duration {
        self.grace
    }

    pub(crate) fn set_has_master(&self, has_master: bool) {
        self.has_master.store(has_master, Ordering::Relaxed);
    }

    /// Whether the list of members is kept up to date.
    pub(crate) fn has_master(&self) -> bool {
        self.has_master.load(Ordering::Relaxed)
    }

    pub(crate) fn set_join_failure(&self, failure: String) {
        *self.join_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    /// Why the last try to join failed.
    pub(crate) fn join_failure(&self) -> Option<String> {
        self.join_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says which handler held a lane up, at most once in a while.
    pub(crate) fn warn_computed_in_place(&self, command: &str, took: Duration) {
        let now = Instant::now();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| now.duration_since(at) >= WARN_EVERY) {
            *warned = Some(now);
            log::warn!(
                "the handler of `{command}` computed for {} ms in place and held its lane up: \
                 register it as blocking, unless it waited for a core that others used",
                took.as_millis()
            );
        }
    }
}

/// A running worker.
///
/// See the [crate] for a whole program.
#[derive(Clone)]
pub struct Worker {
    inner: Arc<Inner>,
    /// The deadline and trace of the call being served, when this is the handle of a handler.
    deadline: Option<Instant>,
    trace: Option<TraceContext>,
}

impl Worker {
    /// Begins a worker of this name.
    pub fn builder(worker: impl Into<String>) -> Builder {
        Builder::new(worker.into())
    }

    pub(crate) fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner, deadline: None, trace: None }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(crate) fn inherited_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// A handle whose calls end no later than `deadline`.
    pub(crate) fn within(&self, deadline: Instant, trace: Option<TraceContext>) -> Self {
        Self { inner: self.inner.clone(), deadline: Some(deadline), trace }
    }

    /// A handle whose calls belong to this trace: for a program that is itself called by something
    /// that traces, such as a web server with the header `traceparent`.
    ///
    /// ```no_run
    /// # use meshwork_worker::{TraceContext, Worker};
    /// # fn serve(worker: &Worker, header: &str) {
    /// let worker = worker.traced(TraceContext::from_traceparent(header));
    /// # }
    /// ```
    #[must_use]
    pub fn traced(&self, trace: Option<TraceContext>) -> Self {
        Self { inner: self.inner.clone(), deadline: self.deadline, trace }
    }

    /// The handle for work that outlives the call being served.
    pub fn without_deadline(&self) -> Self {
        Self::from_inner(self.inner.clone())
    }

    /// Calls one instance. `.await` it as it is, or choose options first:
    /// `worker.call(command).deadline(..).await`.
    pub fn call<C: Command>(&self, command: C) -> Call<'_, C::Reply> {
        Call::new(self, C::WORKER, C::NAME, encode(&command))
    }

    /// Calls one instance without types.
    pub fn call_json<'a>(
        &'a self,
        worker: &'a str,
        command: &'a str,
        arguments: &serde_json::Value,
    ) -> Call<'a, serde_json::Value> {
        Call::new(self, worker, command, Ok(json_body(arguments)))
    }

    /// Calls one instance with bytes as they are; its handler must be one of raw bytes.
    pub fn call_raw<'a>(
        &'a self,
        worker: &'a str,
        command: &'a str,
        bytes: impl Into<Bytes>,
    ) -> RawCall<'a> {
        RawCall(Call::new(self, worker, command, Ok(Body::raw(bytes))))
    }

    /// Asks every instance; one outcome each.
    pub fn broadcast<C: Command>(&self, command: C) -> Broadcast<'_, C::Reply> {
        Broadcast::new(self, C::WORKER, C::NAME, Asking::Broadcast, encode(&command))
    }

    /// Asks every instance without types.
    pub fn broadcast_json<'a>(
        &'a self,
        worker: &'a str,
        command: &'a str,
        arguments: &serde_json::Value,
    ) -> Broadcast<'a, serde_json::Value> {
        Broadcast::new(self, worker, command, Asking::Broadcast, Ok(json_body(arguments)))
    }

    /// Asks every instance with bytes as they are; their handlers must be ones of raw bytes.
    pub fn broadcast_raw<'a>(
        &'a self,
        worker: &'a str,
        command: &'a str,
        bytes: impl Into<Bytes>,
    ) -> RawBroadcast<'a> {
        let body = Ok(Body::raw(bytes));
        RawBroadcast(Broadcast::new(self, worker, command, Asking::Broadcast, body))
    }

    /// One instance, to call it and no other.
    ///
    /// # Errors
    /// `NotExecuted` when no such instance is known.
    pub fn peer(&self, worker: &str, variant: &str) -> Result<Peer, CallError> {
        let routes = self.inner.routes.load();
        let mut instances = routes.instances(worker).iter();
        let found = instances.find(|instance| instance.key.variant.as_str() == variant);
        let instance = found.ok_or(CallError::not_executed(NotExecuted::NoInstance))?;
        let (worker, options) = (self.clone(), CallOptions::default());
        Ok(Peer { worker, key: instance.key.clone(), options })
    }

    /// Who this worker is.
    pub fn identity(&self) -> Identity {
        self.inner.identity()
    }

    /// Where this worker listens, with the port that was chosen.
    pub fn listen_addr(&self) -> Option<SocketAddr> {
        self.inner.listens.get().copied()
    }

    /// Where its own HTTP listens, if it is served.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.inner.http_listens.get().copied()
    }

    /// The schema that this worker goes by; the master may have sent a newer one than it started
    /// with. `None` before it has joined.
    pub fn schema(&self) -> Option<Arc<Schema>> {
        self.inner.schema()
    }

    /// The peers that a link leads to now, by worker and variant.
    pub fn connected_peers(&self) -> Vec<MemberKey> {
        let routes = self.inner.routes.load();
        let linked = routes.all().filter(|instance| {
            instance.link.as_ref().is_some_and(meshwork_shared::link::handle::Link::is_open)
        });
        linked.map(|instance| instance.key.clone()).collect()
    }

    /// The members of `worker` that the master has told of, linked or not.
    pub fn members(&self, worker: &str) -> Vec<Arc<Member>> {
        let routes = self.inner.routes.load();
        let members = routes.instances(worker).iter();
        members.filter_map(|instance| instance.member.clone()).collect()
    }

    /// The commands of `worker` that an instance serves and this worker may call.
    pub fn commands(&self, worker: &str) -> Vec<String> {
        let Some(schema) = self.inner.schema() else { return Vec::new() };
        let routes = self.inner.routes.load();
        let commands = schema.worker(worker).into_iter().flat_map(|worker| &worker.commands);
        let callable = commands.filter(|command| {
            routes
                .command(worker, command.name.as_str())
                .is_some_and(|route| route.allowed && !route.instances.is_empty())
        });
        callable.map(|command| command.name.to_string()).collect()
    }

    /// Tells of every change of members, links and schema; for programs that wait for a peer.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes()
    }

    /// Handlers and jobs that run now.
    pub fn running(&self) -> usize {
        self.inner.activity.running()
    }

    /// What was counted so far, and how full things are now. As text it is what Prometheus reads,
    /// the same as `GET /metrics` of the [worker's own HTTP](crate::Builder::http_listen).
    pub async fn metrics(&self) -> Metrics {
        Metrics::read(self).await
    }

    /// Takes no new calls, finishes what runs within the grace period, leaves the mesh. Safe to
    /// call twice.
    pub async fn shutdown(&self) {
        if let Some(control) = self.inner.control.get() {
            // A control that is gone has left the mesh already.
            let _ = control.send(Shutdown).await;
            self.inner.tracer.flush().await;
        }
    }

    /// Runs until SIGTERM or SIGINT (Ctrl-C), then shuts down as [`Worker::shutdown`] does.
    ///
    /// # Errors
    /// The system lets no signal handler be set.
    pub async fn run_until_signal(&self) -> std::io::Result<()> {
        crate::signal::terminated().await?;
        log::info!("{} drains", self.identity());
        self.shutdown().await;
        Ok(())
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({})", self.inner.identity())
    }
}
