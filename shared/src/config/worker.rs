//! The configuration of a worker, resolved.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use meshwork_schema::{Variant, WorkerName};

use super::address::{HostPort, MasterAddress};
use super::credentials::{self, Credentials};
use super::fields::Fields;
use super::key::Section;
use super::limits;
use super::mistake::ConfigError;
use super::queue::QueueAddress;
use super::settings::WorkerSettings;
use super::sources::Sources;
use crate::identity::AuthorityPublic;
use crate::limits::Limits;
use crate::logging::Format;

/// How long running handlers have at shutdown, unless configured.
pub const GRACE_DEFAULT: Duration = Duration::from_secs(25);

/// Advertised addresses of a process, at most.
pub const ADVERTISE_MAX: usize = 8;

/// Longest grace period.
const GRACE_MAX: Duration = Duration::from_secs(3600);

/// How long no member may have the name of an instance before its jobs become dead letters, unless
/// configured.
const LEAVE_AFTER_DEFAULT: Duration = Duration::from_secs(600);

/// Longest that can be configured.
const LEAVE_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Calls that take longer are told of, unless configured.
const SLOW_CALL_DEFAULT: Duration = Duration::from_secs(1);

/// Longest that can be configured.
const SLOW_CALL_MAX: Duration = Duration::from_secs(3600);

/// One call in so many begins a trace, unless configured.
const TRACE_ONE_IN_DEFAULT: u64 = 100;

/// Fewest that can be configured.
const TRACE_ONE_IN_MAX: u64 = 1_000_000;

/// Threads of one kind, at most.
const THREADS_MAX: u64 = 1024;

/// What a worker runs with. Every value is usable as it stands; Debug shows no key.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// What kind of process it is.
    pub worker: WorkerName,
    /// Name of this instance; `None`: generate one.
    pub variant: Option<Variant>,
    /// Where the master is.
    pub master: MasterAddress,
    /// What it is let in with. A join key is one of `worker`.
    pub credentials: Credentials,
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// Where its own HTTP listens; `None`: none is served.
    pub http_listen: Option<SocketAddr>,
    /// Where peers reach it, best first, at most [`ADVERTISE_MAX`]; empty: the local address of the
    /// link to the master, with the port listened on.
    pub advertise: Vec<HostPort>,
    /// The only master to trust, if that is known.
    pub authority: Option<AuthorityPublic>,
    /// Where the first master seen is remembered; `None`: for the life of the process.
    pub authority_file: Option<PathBuf>,
    /// Whether a master that nothing vouches for is refused instead of trusted at first sight.
    pub strict: bool,
    /// Where the key of the process is kept; `None`: a new one at each start.
    pub identity_file: Option<PathBuf>,
    /// Threads that carry links; 0: the caller's; `None`: one per core, at most 4.
    pub lanes: Option<usize>,
    /// How long running handlers have to finish at shutdown; 0: they are dropped at once.
    pub grace: Duration,
    /// Whether a command of the schema without a handler is an error at start.
    pub strict_handlers: bool,
    /// How many calls of a blocking command run at once where the schema does not say; `None`: one
    /// per core.
    pub blocking_concurrency: Option<usize>,
    /// Where queues are kept.
    pub queue: QueueAddress,
    /// How long no member may have the name of an instance before its jobs become dead letters.
    pub leave_after: Duration,
    /// Bounds of links and messages.
    pub limits: Limits,
    /// Calls that take longer are told of in the log; 0: none.
    pub slow_call: Duration,
    /// Of the calls that nothing else caused, one in so many is traced; 0: none.
    pub trace_one_in: u64,
    /// Where spans are sent, as `http://host:port`.
    pub otlp_endpoint: Option<String>,
    /// Whether calls are counted.
    pub metrics: bool,
    /// What is logged, unless `RUST_LOG` says.
    pub log: Option<String>,
    /// Form of the lines of the log, if it is configured.
    pub log_format: Option<Format>,
}

impl WorkerConfig {
    /// The defaults, for these three that have none.
    pub fn new(worker: WorkerName, master: MasterAddress, credentials: Credentials) -> Self {
        Self {
            worker,
            variant: None,
            master,
            credentials,
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            http_listen: None,
            advertise: Vec::new(),
            authority: None,
            authority_file: None,
            strict: false,
            identity_file: None,
            lanes: None,
            grace: GRACE_DEFAULT,
            strict_handlers: false,
            blocking_concurrency: None,
            queue: QueueAddress::default(),
            leave_after: LEAVE_AFTER_DEFAULT,
            limits: Limits::default(),
            slow_call: SLOW_CALL_DEFAULT,
            trace_one_in: TRACE_ONE_IN_DEFAULT,
            otlp_endpoint: None,
            metrics: true,
            log: None,
            log_format: None,
        }
    }

    /// Reads `sources`, lays `in_code` over them, and checks all of it. The files of secrets are
    /// read here.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake of every source; nothing was started.
    pub fn load(sources: &Sources, in_code: &WorkerSettings) -> Result<Self, ConfigError> {
        let mut fields = sources.read(Section::Worker, in_code.values());
        let resolved = resolve(&mut fields);
        fields.finish(resolved)
    }
}

fn resolve(fields: &mut Fields) -> Option<WorkerConfig> {
    let credentials = credentials::of_worker(fields);
    let worker = worker_name(fields, credentials.as_ref());
    let help = "write http://host:7071 (its HTTP port) or host:7070 (its mesh port)";
    let master = fields.parsed("master", help, str::parse::<MasterAddress>);
    if !fields.is_set("master") {
        fields.missing("master", "\"http://host:7071\"");
    }
    let variant = fields.parsed("variant", "write a name, as in \"pod-3\"", str::parse);
    let (listen, http_listen) = listens(fields);
    let authority = authority(fields, credentials.as_ref());
    let authority_file = fields.path("authority_file");
    let strict = fields.flag("strict");
    let is_vouched = authority.is_some()
        || fields.is_set("authority")
        || !matches!(credentials, Some(Credentials::Mesh { .. }))
        || authority_file.as_ref().is_some_and(|file| file.exists());
    if strict && !is_vouched {
        let help = "set `authority` (the master logs its public key at start), or use a join key";
        fields.wrong("strict", "is true, but nothing says which master to trust", help);
    }
    let identity_file = fields.path("identity_file");
    let lanes = threads(fields, "lanes", 0);
    let blocking_concurrency = threads(fields, "blocking_concurrency", 1);
    let advertise = advertise(fields);
    let grace = fields.duration("grace", Duration::ZERO..=GRACE_MAX);
    let strict_handlers = fields.flag("strict_handlers");
    let queue = queue(fields);
    let leave_after = fields.duration("leave_after", Duration::from_secs(1)..=LEAVE_AFTER_MAX);
    let (log, log_format) = (log(fields), log_format(fields));
    let slow_call = fields.duration("slow_call", Duration::ZERO..=SLOW_CALL_MAX);
    let trace_one_in = fields.count("trace_one_in", 0..=TRACE_ONE_IN_MAX);
    let help = "write http://host:4318; a collector beside this process does TLS if need be";
    let otlp_endpoint = fields.parsed("otlp_endpoint", help, endpoint);
    let metrics = !fields.is_set("metrics") || fields.flag("metrics");
    let limits = limits::resolve(fields);
    let defaults = WorkerConfig::new(worker?, master?, credentials?);
    Some(WorkerConfig {
        variant,
        listen: listen.unwrap_or(defaults.listen),
        http_listen,
        advertise,
        authority,
        authority_file,
        strict,
        identity_file,
        lanes,
        grace: grace.unwrap_or(defaults.grace),
        strict_handlers,
        blocking_concurrency,
        queue: queue.unwrap_or_default(),
        leave_after: leave_after.unwrap_or(defaults.leave_after),
        limits,
        slow_call: slow_call.unwrap_or(defaults.slow_call),
        trace_one_in: trace_one_in.unwrap_or(defaults.trace_one_in),
        otlp_endpoint,
        metrics,
        log,
        log_format,
        ..defaults
    })
}

/// The worker that is set, or else that of the join key; both must be the same.
fn worker_name(fields: &mut Fields, credentials: Option<&Credentials>) -> Option<WorkerName> {
    let of_key = match credentials {
        Some(Credentials::Join(key)) => Some(key.worker().clone()),
        Some(Credentials::Mesh { .. }) | None => None,
    };
    if !fields.is_set("worker") {
        if of_key.is_none() {
            fields.missing("worker", "\"thumbnailer\"");
        }
        return of_key;
    }
    let help = "write a worker of the schema, as in \"thumbnailer\"";
    let named: WorkerName = fields.parsed("worker", help, str::parse)?;
    if let Some(of_key) = of_key.filter(|of_key| *of_key != named) {
        let wrong = format!("is `{named}`, but the join key is for `{of_key}`");
        let help = format!("make a key with `meshwork keygen join {named}`");
        fields.wrong("worker", &wrong, &help);
        return None;
    }
    Some(named)
}

fn authority(fields: &mut Fields, credentials: Option<&Credentials>) -> Option<AuthorityPublic> {
    let help = "copy the line authority1_... that the master logs at start";
    let authority: AuthorityPublic = fields.parsed("authority", help, str::parse)?;
    if let Some(Credentials::Join(key)) = credentials
        && key.authority_hash() != authority.hash()
    {
        let help = "remove `authority` (the join key tells the master), or make a new join key";
        fields.wrong("authority", "is another master than that of the join key", help);
        return None;
    }
    Some(authority)
}

/// Where queues are kept. What is written is not shown in a mistake: it may hold a password.
pub(super) fn queue(fields: &mut Fields) -> Option<QueueAddress> {
    let text = fields.text("queue")?.value;
    let address = QueueAddress::new(&text);
    if address.is_none() {
        let help = "write \"memory\", \"redis://host:6379/0\" or \"file:/path/to/jobs.db\"";
        fields.wrong("queue", "names no kind of queue (not shown)", help);
    }
    address
}

fn threads(fields: &mut Fields, name: &str, min: u64) -> Option<usize> {
    fields.count(name, min..=THREADS_MAX).map(|count| count as usize)
}

/// Where it listens for workers, and for HTTP: not on one port.
fn listens(fields: &mut Fields) -> (Option<SocketAddr>, Option<SocketAddr>) {
    let (mesh, http) = (socket(fields, "listen"), socket(fields, "http_listen"));
    if let (Some(mesh), Some(http)) = (mesh, http)
        && is_same_port(mesh, http)
    {
        let wrong = format!("takes port {}, which the other listener has", http.port());
        fields.wrong("http_listen", &wrong, "give `listen` and `http_listen` a port each");
    }
    (mesh, http)
}

/// Whether two listeners would take the same port of the same address.
pub(super) fn is_same_port(a: SocketAddr, b: SocketAddr) -> bool {
    let is_same_host = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && is_same_host
}

/// An address to listen on.
pub(super) fn socket(fields: &mut Fields, name: &str) -> Option<SocketAddr> {
    let help = "write an IP address and a port, as in \"0.0.0.0:7070\"; port 0 is any free one";
    fields.parsed(name, help, str::parse)
}

/// The advertised addresses of either role.
pub(super) fn advertise(fields: &mut Fields) -> Vec<HostPort> {
    let help = "write host:port, as others reach it, as in \"10.0.0.5:7070\"";
    let texts = fields.list("advertise").unwrap_or_default();
    if texts.len() > ADVERTISE_MAX {
        let wrong = format!("has {} addresses", texts.len());
        fields.wrong("advertise", &wrong, &format!("keep {ADVERTISE_MAX} of them at most"));
        return Vec::new();
    }
    let mut addresses = Vec::new();
    for text in texts {
        match text.parse::<HostPort>() {
            Ok(address) if addresses.contains(&address) => {
                fields.wrong("advertise", &format!("has `{address}` twice"), "keep one of them");
            }
            Ok(address) => addresses.push(address),
            Err(error) => {
                let wrong = format!("has {}: {error}", super::fields::shown(&text));
                fields.wrong("advertise", &wrong, help);
            }
        }
    }
    addresses
}

/// What is logged, of either role.
pub(super) fn log(fields: &mut Fields) -> Option<String> {
    let help = "write a level (error, warn, info, debug, trace, off), or levels of modules as in \
                \"info,meshwork_worker=debug\"";
    fields.parsed("log", help, |text| match crate::logging::mistake(text) {
        None => Ok(text.to_owned()),
        Some(mistake) => Err(mistake),
    })
}

/// What a line of the log looks like, of either role.
pub(super) fn log_format(fields: &mut Fields) -> Option<Format> {
    fields.parsed("log_format", "write \"human\" or \"json\"", str::parse)
}

/// An address that is asked by HTTP without TLS.
fn endpoint(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").unwrap_or_default().trim_end_matches('/');
    match host.parse::<HostPort>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("it is no http://host:port: {error}")),
    }
}
