//! The configuration of a master, resolved.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::address::HostPort;
use super::credentials::{mesh_secrets, secret_text};
use super::fields::Fields;
use super::key::Section;
use super::limits;
use super::mistake::ConfigError;
use super::queue::QueueAddress;
use super::secret_text::SecretText;
use super::settings::MasterSettings;
use super::sources::Sources;
use super::worker::{advertise, is_same_port, log, log_format, queue, socket};
use crate::limits::Limits;
use crate::logging::Format;
use crate::secret::MeshSecret;

/// How long workers go on dialing a member that the master has lost, unless configured.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(15);

/// The state folder unless configured, in the working directory: beside the schema on a laptop,
/// where it is seen and found again. A service configures an absolute path.
pub const STATE_DIR_DEFAULT: &str = "meshwork-state";

/// Where workers join, unless configured.
const MESH_LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 7070);

/// The HTTP side, unless configured: for this machine only.
const HTTP_LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7071);

/// Shortest lease: a member that is away for less is not given up.
const LEASE_MIN: Duration = Duration::from_secs(1);

/// Longest lease.
const LEASE_MAX: Duration = Duration::from_secs(3600);

/// How long a lost member stays on the list, unless configured.
const LOST_KEPT_DEFAULT: Duration = Duration::from_secs(600);

/// Longest time that a lost member stays on the list.
const LOST_KEPT_MAX: Duration = Duration::from_secs(24 * 3600);

/// Characters of an admin token, at least; one that the master makes has more.
const TOKEN_CHARS_MIN: usize = 24;

/// Characters of an admin token, at most.
const TOKEN_CHARS_MAX: usize = 512;

/// What a master runs with. Every value is usable as it stands; Debug shows no key.
#[derive(Clone, Debug)]
pub struct MasterConfig {
    /// The file of the schema; `None`: the program brings its own
    /// ([`ConfigError::missing`](super::ConfigError::missing) if it does not).
    pub schema_file: Option<PathBuf>,
    /// The mesh secret.
    pub secret: MeshSecret,
    /// The one before the last rotation, of the same mesh; still accepted.
    pub secret_previous: Option<MeshSecret>,
    /// Where workers join; port 0 is any free one.
    pub mesh_listen: SocketAddr,
    /// Where the HTTP side listens; port 0 is any free one.
    pub http_listen: SocketAddr,
    /// Where workers reach its mesh port, best first, at most
    /// [`ADVERTISE_MAX`](super::ADVERTISE_MAX); empty: the host that the worker used.
    pub advertise: Vec<HostPort>,
    /// Folder of its authority key, high-water marks, roots of queues, schema in force and admin
    /// token.
    pub state_dir: PathBuf,
    /// What the HTTP side asks for; `None`: make one and keep it in the state folder.
    pub admin_token: Option<SecretText>,
    /// How long workers go on dialing a member that the master has lost; twice that is how long a
    /// master that starts waits for the members of before. How soon a silent member is lost is
    /// [`Limits::dead_after`].
    pub lease: Duration,
    /// Whether the mesh secret itself admits nobody: only join keys do.
    pub join_keys_only: bool,
    /// How long a lost member stays on the list of members.
    pub lost_kept: Duration,
    /// Where the workers keep their queues; `None`: the master does not look at queues.
    pub queue: Option<QueueAddress>,
    /// Whether HTTP answers without a token; only on a loopback address.
    pub open: bool,
    /// Bounds of links and messages.
    pub limits: Limits,
    /// What is logged, unless `RUST_LOG` says.
    pub log: Option<String>,
    /// Form of the lines of the log, if it is configured.
    pub log_format: Option<Format>,
}

impl MasterConfig {
    /// The defaults, for the secret that has none.
    pub fn new(secret: MeshSecret) -> Self {
        Self {
            schema_file: None,
            secret,
            secret_previous: None,
            mesh_listen: MESH_LISTEN_DEFAULT,
            http_listen: HTTP_LISTEN_DEFAULT,
            advertise: Vec::new(),
            state_dir: STATE_DIR_DEFAULT.into(),
            admin_token: None,
            lease: LEASE_DEFAULT,
            join_keys_only: false,
            lost_kept: LOST_KEPT_DEFAULT,
            queue: None,
            open: false,
            limits: Limits::default(),
            log: None,
            log_format: None,
        }
    }

    /// Reads `sources`, lays `in_code` over them, and checks all of it. The files of secrets are
    /// read here, the schema is not.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake of every source; nothing was started.
    pub fn load(sources: &Sources, in_code: &MasterSettings) -> Result<Self, ConfigError> {
        let mut fields = sources.read(Section::Master, in_code.values());
        let resolved = resolve(&mut fields);
        fields.finish(resolved)
    }
}

fn resolve(fields: &mut Fields) -> Option<MasterConfig> {
    let schema_file = fields.path("schema_file");
    let secrets = mesh_secrets(fields);
    if !fields.is_set("secret") && !fields.is_set("secret_file") {
        let help = "set MESHWORK_SECRET_FILE, or `secret_file` under [master], to a file that \
                    `meshwork keygen` has made";
        fields.mistakes.add(None, "the mesh secret is not set", help);
    }
    let (mesh_listen, http_listen, open) = listens(fields);
    let advertise = advertise(fields);
    let state_dir = fields.path("state_dir");
    let admin_token = admin_token(fields);
    let lease = fields.duration("lease", LEASE_MIN..=LEASE_MAX);
    let join_keys_only = fields.flag("join_keys_only");
    let lost_kept = fields.duration("lost_kept", LEASE_MIN..=LOST_KEPT_MAX);
    // Queues in memory are those of the workers' processes: nothing to look at from here.
    let queue = queue(fields).filter(|address| !address.is_memory());
    let (log, log_format) = (log(fields), log_format(fields));
    let limits = limits::resolve(fields);
    let (secret, secret_previous) = secrets?;
    let defaults = MasterConfig::new(secret);
    Some(MasterConfig {
        schema_file,
        secret_previous,
        mesh_listen,
        http_listen,
        advertise,
        state_dir: state_dir.unwrap_or(defaults.state_dir),
        admin_token,
        lease: lease.unwrap_or(defaults.lease),
        join_keys_only,
        lost_kept: lost_kept.unwrap_or(defaults.lost_kept),
        queue,
        open,
        limits,
        log,
        log_format,
        ..defaults
    })
}

/// The two addresses and whether HTTP is open, which depend on each other.
fn listens(fields: &mut Fields) -> (SocketAddr, SocketAddr, bool) {
    let mesh = socket(fields, "mesh_listen").unwrap_or(MESH_LISTEN_DEFAULT);
    let http = socket(fields, "http_listen").unwrap_or(HTTP_LISTEN_DEFAULT);
    if is_same_port(mesh, http) {
        let set = if fields.is_set("http_listen") { "http_listen" } else { "mesh_listen" };
        let wrong = format!("takes port {}, which the other listener has", mesh.port());
        fields.wrong(set, &wrong, "give `mesh_listen` and `http_listen` a port each");
    }
    let open = fields.flag("open");
    if open && !http.ip().is_loopback() {
        let wrong = format!("is true, but `http_listen` is {http}, which others can reach");
        let help = "remove `open` and give clients the token, or listen on 127.0.0.1";
        fields.wrong("open", &wrong, help);
    }
    (mesh, http, open)
}

fn admin_token(fields: &mut Fields) -> Option<SecretText> {
    let text = secret_text(fields, "admin_token")?.value;
    let token = text.expose().trim_ascii();
    let is_sound = (TOKEN_CHARS_MIN..=TOKEN_CHARS_MAX).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sound {
        let set = if fields.is_set("admin_token") { "admin_token" } else { "admin_token_file" };
        let wrong = format!(
            "is no token: it needs {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} characters of ASCII \
             without blanks, at random"
        );
        fields.wrong(set, &wrong, "remove it and the master makes one in its state folder");
        return None;
    }
    Some(token.into())
}
