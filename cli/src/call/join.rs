//! Joining the mesh for a call, and finding out why it does not work.

use std::ffi::OsString;
use std::time::Duration;

use meshwork_master::http::dto::MasterInfo;
use meshwork_schema::WorkerName;
use meshwork_shared::config::{Credentials, MasterAddress, Sources, WorkerConfig, WorkerSettings};
use meshwork_shared::handshake::{Introduction, Peer};
use meshwork_shared::identity::NodeKey;
use meshwork_shared::limits::Limits;
use meshwork_shared::link::connect::{ConnectError, Dialing, connect};
use meshwork_shared::net::Network;
use meshwork_shared::protocol::Refusal;
use meshwork_shared::random::Random;
use meshwork_shared::secret::{LinkKind, Psk};
use meshwork_worker::session::JoinError;
use meshwork_worker::{StartError, Worker};
use tokio::time::sleep;

use super::{Call, advice};
use crate::exit::{CommandError, Exit, mistaken};
use crate::http::{Http, MASTER_DEFAULT, Method};

/// Who calls, unless said.
const CALLER_DEFAULT: &str = "operator";

/// How long joining may take in all.
const JOIN_WITHIN: Duration = Duration::from_secs(15);

/// A join that takes longer is looked into: what is wrong will not pass by itself.
const LOOK_INTO_AFTER: Duration = Duration::from_millis(700);

/// What concerns a worker that stays and not one that comes for a call. A shell in a worker's own
/// container has them set.
const NOT_FOR_A_CALL: [&str; 8] = [
    "MESHWORK_VARIANT",
    "MESHWORK_IDENTITY_FILE",
    "MESHWORK_LISTEN",
    "MESHWORK_HTTP_LISTEN",
    "MESHWORK_ADVERTISE",
    "MESHWORK_STRICT_HANDLERS",
    "MESHWORK_LOG",
    "MESHWORK_LOG_FORMAT",
];

impl Call {
    /// Joins as the worker that calls.
    ///
    /// # Errors
    /// Settings that cannot be (64), no master (69), a master that does not let us in (77).
    pub(super) async fn join(&self) -> Result<Worker, CommandError> {
        let sources = sources(std::env::vars_os());
        let settings = self.settings(&sources);
        let (settings, config) = resolve(&sources, settings)?;
        let builder = Worker::builder(config.worker.as_str())
            .sources(sources)
            .settings(|given| *given = settings);
        let start = Box::pin(builder.ready_within(JOIN_WITHIN).start());
        tokio::select! {
            biased;
            started = start => started.map_err(|error| self.not_started(error, &config.worker)),
            error = look_into(&config) => Err(error),
        }
    }

    fn settings(&self, sources: &Sources) -> WorkerSettings {
        let is_elsewhere =
            sources.file().is_some() || std::env::var_os("MESHWORK_MASTER").is_some();
        let default = (!is_elsewhere).then(|| MASTER_DEFAULT.to_owned());
        WorkerSettings {
            worker: self.caller.as_ref().map(WorkerName::to_string),
            variant: Some(format!("call-{:08x}", Random::system().next_u64() as u32)),
            master: self.master.clone().or(default),
            secret_file: self.secret_file.clone(),
            join_key_file: self.join_key_file.clone(),
            authority: self.authority.map(|authority| authority.to_string()),
            lanes: Some(0),
            ..WorkerSettings::default()
        }
    }

    fn not_started(&self, error: StartError, caller: &WorkerName) -> CommandError {
        match error {
            StartError::Join(JoinError::Refused(Refusal::UnknownWorker { .. })) => {
                let what = format!("the schema has no worker `{caller}` to call as");
                let help = advice::lines(None, caller, &self.target);
                CommandError::new(Exit::Refused, what).with_help(help)
            }
            StartError::Join(error) => CommandError::new(Exit::Refused, error.to_string()),
            StartError::Config(error) => mistaken(&error),
            error @ StartError::NotReady { .. } => {
                CommandError::new(Exit::Unavailable, error.to_string())
            }
            StartError::KeyFile(what) => CommandError::new(Exit::NoInput, what),
            error => CommandError::new(Exit::Failed, error.to_string()),
        }
    }
}

fn sources(environment: impl Iterator<Item = (OsString, OsString)>) -> Sources {
    let kept = environment.filter(|(name, _)| !NOT_FOR_A_CALL.iter().any(|not| name == not));
    Sources::from_environment(kept).with_code_called("given on the command line")
}

/// The settings with the worker to call as: what was said, or that of the join key, or `operator`.
fn resolve(
    sources: &Sources,
    mut settings: WorkerSettings,
) -> Result<(WorkerSettings, WorkerConfig), CommandError> {
    if settings.worker.is_none() && WorkerConfig::load(sources, &settings).is_err() {
        settings.worker = Some(CALLER_DEFAULT.to_owned());
    }
    let config = WorkerConfig::load(sources, &settings).map_err(|error| mistaken(&error))?;
    Ok((settings, config))
}

/// Resolves with the cause if a join that takes long cannot work out as things are; else never.
///
/// A worker keeps trying, which is right for one that stays. Here somebody waits for the reason, so
/// the master is dialled once more, only to see how far that goes.
async fn look_into(config: &WorkerConfig) -> CommandError {
    sleep(LOOK_INTO_AFTER).await;
    loop {
        match dial(config).await {
            Ok(()) => sleep(JOIN_WITHIN).await,
            Err(error) => return error,
        }
    }
}

/// Dials the master as far as its identity, and turns away: `Ok` when it knows our key.
async fn dial(config: &WorkerConfig) -> Result<(), CommandError> {
    let address = match &config.master {
        MasterAddress::Mesh(address) => address.to_string(),
        MasterAddress::Http(address) => {
            let http = Http::new(address.clone(), None);
            let asked = move || http.ask::<MasterInfo>(Method::Get, "/v1/master");
            let info = tokio::task::spawn_blocking(asked)
                .await
                .map_err(|error| CommandError::new(Exit::Failed, error.to_string()))??;
            let host = address.host();
            let bracketed = host.contains(':');
            let host = if bracketed { format!("[{host}]") } else { host.to_owned() };
            let asked = format!("{host}:{}", info.mesh_port);
            info.mesh_addresses.into_iter().next().unwrap_or(asked)
        }
    };
    let random = Random::system();
    let node_key = NodeKey::generate(&random);
    let limits = Limits::default();
    let mut last = Ok(());
    for psk in &keys(&config.credentials) {
        let dialing = Dialing {
            kind: LinkKind::Control,
            psk,
            node_key: &node_key,
            random: &random,
            limits: &limits,
        };
        let turn_away = |_: &Peer| Err::<Introduction, _>("seen");
        match Box::pin(connect(Network::Tcp, &address, dialing, turn_away)).await {
            // It showed itself, which takes our key.
            Ok(_) | Err(ConnectError::Refused { .. }) => return Ok(()),
            Err(error @ (ConnectError::Closed { .. } | ConnectError::Handshake { .. })) => {
                last = Err(CommandError::new(Exit::Refused, error.to_string()));
            }
            Err(error) => return Err(CommandError::new(Exit::Unavailable, error.to_string())),
        }
    }
    last
}

fn keys(credentials: &Credentials) -> Vec<Psk> {
    match credentials {
        Credentials::Mesh { secret, previous } => {
            let secrets = std::iter::once(secret).chain(previous);
            secrets.map(|secret| secret.psk(LinkKind::Control)).collect()
        }
        Credentials::Join(key) => vec![key.psk()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_worker_of_a_container_is_left_out() {
        let environment = [
            ("MESHWORK_VARIANT", "pod-3"),
            ("MESHWORK_MASTER", "http://master:7071"),
            ("MESHWORK_GRACE", "wrong on purpose"),
        ];
        let pairs = environment.map(|(name, value)| (name.into(), value.into()));
        let sources = sources(pairs.into_iter());
        let error = resolve(&sources, WorkerSettings::default()).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        let help = error.help.unwrap();
        assert!(help.contains("no credentials"), "{help}");
        assert!(help.contains("GRACE"), "{help}");
        assert!(!help.contains("MESHWORK_MASTER"), "{help}");
    }
}
