//! `meshwork master`: runs the coordinator until a signal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use meshwork_master::{Master, StartError, State, StateError};
use meshwork_schema::Schema;
use meshwork_shared::config::{ConfigError, MasterConfig, MasterSettings, Sources};
use meshwork_shared::identity::{KeyFileError, key_file};
use meshwork_shared::logging;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::arguments::parse_duration;
use crate::exit::{CommandError, Exit, Outcome, mistaken};
use crate::schema;
use crate::terminal::{is_interactive, note, say, say_json};

/// Run the coordinator of a mesh
///
/// It admits workers, hands out the schema and tells everybody of everybody else. It carries no
/// calls: while it is away the mesh goes on, and when it returns it is told who is there.
///
/// Runs until SIGTERM or Ctrl-C. The schema file is watched: what it says next is put in force
/// within seconds, unless it has mistakes or breaks what runs (`meshwork schema apply` tells, and
/// forces it). SIGHUP looks at it at once.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork keygen --out mesh.secret
  meshwork master --schema mesh.toml --secret-file mesh.secret
  meshwork master --config meshwork.toml --mesh-listen 0.0.0.0:0 --json   any port, said in JSON

Everything but --json can also stand in the file of --config under [master], or in MESHWORK_*
variables (docs/CONFIGURATION.md). The command line wins, then the variables, then the file.

Exit codes: 0 ended by a signal, 1 cannot start or a schema with mistakes, 64 wrong usage or
configuration (its file and those of secrets too), 66 the schema cannot be read."
)]
pub(crate) struct RunMaster {
    /// A configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The schema of the mesh: JSON if its name ends in .json, else TOML
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// The file with the mesh secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Where workers join; port 0 is any free one [default: 0.0.0.0:7070]
    #[arg(long, value_name = "IP:PORT")]
    mesh_listen: Option<String>,
    /// The HTTP side; port 0 is any free one [default: 127.0.0.1:7071]
    #[arg(long, value_name = "IP:PORT")]
    http_listen: Option<String>,
    /// Where its keys, the roots of queues, the schema in force and the admin token are kept
    /// [default: meshwork-state]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// How long workers go on dialing a member that the master has lost [default: 15s]
    #[arg(long, value_name = "15s", value_parser = parse_duration)]
    lease: Option<Duration>,
    /// Admit with join keys only, not with the mesh secret itself
    #[arg(long)]
    join_keys_only: bool,
    /// Answer HTTP without a token, on a loopback address only
    #[arg(long)]
    open: bool,
    /// Print one line of JSON once it runs: the addresses that were bound
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Running {
    mesh: String,
    http: Option<String>,
    authority: String,
    token_file: Option<PathBuf>,
    pid: u32,
}

impl RunMaster {
    pub(crate) fn run(self) -> Outcome {
        let config = self.config()?;
        logging::init_as(config.log.as_deref(), config.log_format);
        let file = config.schema_file.clone().ok_or_else(|| no_schema(&self))?;
        let schema = schema::load(&file).or_else(|mistaken| last_schema(&config, mistaken))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            CommandError::new(Exit::Failed, format!("cannot start a runtime: {error}"))
        })?;
        runtime.block_on(async {
            // Before anything runs, so that no signal finds its default.
            let signals = Signals::catch()?;
            let builder = Master::builder(schema, config).schema_file(file);
            let master = Box::pin(builder.start()).await.map_err(not_started)?;
            self.announce(&master);
            until_signal(master, signals).await
        })
    }

    fn config(&self) -> Result<MasterConfig, CommandError> {
        let mut sources = Sources::from_environment(std::env::vars_os())
            .with_code_called("given on the command line");
        if let Some(file) = &self.config {
            sources = sources.with_file(file);
        }
        let settings = MasterSettings {
            schema_file: self.schema.clone(),
            secret_file: self.secret_file.clone(),
            mesh_listen: self.mesh_listen.clone(),
            http_listen: self.http_listen.clone(),
            state_dir: self.state_dir.clone(),
            lease: self.lease,
            join_keys_only: self.join_keys_only.then_some(true),
            open: self.open.then_some(true),
            ..MasterSettings::default()
        };
        MasterConfig::load(&sources, &settings).map_err(|error| mistaken(&error))
    }

    /// Says where it can be reached, once it can.
    fn announce(&self, master: &Master) {
        let (mesh, http) = (master.mesh_addr(), master.http_addr());
        if self.json {
            say_json(&Running {
                mesh: mesh.to_string(),
                http: http.map(|http| format!("http://{http}")),
                authority: master.authority().to_string(),
                token_file: master.token_file().map(Path::to_owned),
                pid: std::process::id(),
            });
            return;
        }
        let mut text = format!("workers join at   {mesh}\n");
        if let Some(http) = http {
            text.push_str(&format!("HTTP is served at http://{http}\n"));
        }
        text.push_str(&format!("authority         {}\n", master.authority()));
        if let Some(file) = master.token_file() {
            text.push_str(&format!("admin token in    {}\n", file.display()));
            // A log or a file is read by others than who started it: there it is only named.
            if is_interactive()
                && let Ok(token) = key_file::read(file)
            {
                text.push_str(&format!("admin token       {}\n", token.trim()));
            }
        }
        say(&text);
    }
}

/// The signals that a master minds.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
enum Asked {
    Stop,
    Reload,
}

impl Signals {
    fn catch() -> Result<Self, CommandError> {
        let of = |kind| {
            signal(kind).map_err(|error| {
                CommandError::new(Exit::Failed, format!("cannot mind signals: {error}"))
            })
        };
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hangup: of(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

async fn until_signal(master: Master, mut signals: Signals) -> Outcome {
    while let Asked::Reload = signals.next().await {
        master.look_at_schema_file();
    }
    log::info!("shutting down: workers are told, and go on among themselves");
    let mut shutdown = Box::pin(master.shutdown());
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(Exit::Ok),
            asked = signals.next() => if matches!(asked, Asked::Stop) {
                note("stopped at once, by a second signal");
                return Ok(Exit::Failed);
            },
        }
    }
}

/// A master that has run before starts also while its schema file has mistakes, with the schema
/// that was in force: workers need it more than the file. Who watches the file tells of them.
fn last_schema(config: &MasterConfig, mistaken: CommandError) -> Result<Schema, CommandError> {
    if mistaken.exit != Exit::Failed {
        return Err(mistaken);
    }
    match State::folder(&config.state_dir).schema() {
        Ok(Some(schema)) => {
            let report = mistaken.help.unwrap_or_default();
            log::error!("starting with the schema that was in force: {}", mistaken.what);
            report.lines().for_each(|line| log::error!("{line}"));
            Ok(schema)
        }
        // Whatever is wrong with the state is told by the start.
        Ok(None) | Err(_) => Err(mistaken),
    }
}

fn not_started(error: StartError) -> CommandError {
    let exit = match &error {
        StartError::State(StateError::Key(KeyFileError::Missing { .. })) => Exit::NoInput,
        _ => Exit::Failed,
    };
    CommandError::new(exit, error.to_string())
}

fn no_schema(master: &RunMaster) -> CommandError {
    let error = mistaken(&ConfigError::missing(
        "schema_file",
        "give --schema FILE, or set MESHWORK_SCHEMA_FILE or `schema_file` under [master]",
    ));
    match &master.config {
        Some(file) => {
            let help = error.help.unwrap_or_default();
            CommandError { help: Some(format!("{help}\n(read: {})", file.display())), ..error }
        }
        None => error,
    }
}
