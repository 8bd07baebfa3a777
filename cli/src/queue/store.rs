//! The store that the workers keep their queues in: how it is found, and asked.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use meshwork_queue::{
    OpenError, Queue, QueueBackend, QueueDepth, QueueName, QueueOptions, Unavailable,
};
use meshwork_schema::nearest;
use meshwork_shared::clock::Clock;
use meshwork_shared::config::{QueueAddress, Sources, StoreConfig, WorkerSettings};
use meshwork_shared::ids::MeshId;
use meshwork_shared::logging;
use meshwork_shared::random::Random;

use super::row::Row;
use crate::exit::{CommandError, Exit, Outcome, mistaken};

/// Queues that are asked at a time.
const ASKED_AT_ONCE: usize = 16;

/// Names that an error lists, at most.
const NAMES_MAX: usize = 8;

/// What to write when it is not known where queues are.
const WHERE: &str = "write --queue redis://HOST:PORT/DB or --queue file:/PATH, or set \
                     MESHWORK_QUEUE, to what the workers have";

/// How the store is found.
#[derive(Args, Debug)]
pub(super) struct StoreAccess {
    /// Where queues are kept, as the workers have it [default: MESHWORK_QUEUE]
    ///
    /// One with a password belongs into that variable: others on this machine see command lines.
    #[arg(long = "queue", value_name = "ADDRESS")]
    address: Option<String>,
    /// A file with the mesh secret: a server keeps the queues of several meshes apart
    #[arg(long, value_name = "FILE", conflicts_with = "join_key_file")]
    secret_file: Option<PathBuf>,
    /// A file with a join key, which tells the mesh as well
    #[arg(long, value_name = "FILE")]
    join_key_file: Option<PathBuf>,
    /// A worker's configuration file, which may say all of it [default: MESHWORK_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The store, opened.
pub(super) struct Store {
    backend: Arc<dyn QueueBackend>,
}

impl StoreAccess {
    /// Opens the store, and does `work` with it.
    ///
    /// # Errors
    /// Settings that cannot be (64), a file that cannot be used (66), and those of `work`.
    pub(super) fn run(&self, work: impl AsyncFnOnce(Store) -> Outcome) -> Outcome {
        let config = self.config()?;
        logging::init(Some("error"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            CommandError::new(Exit::Failed, format!("cannot start a runtime: {error}"))
        })?;
        runtime.block_on(async { Box::pin(work(Store::open(&config)?)).await })
    }

    fn config(&self) -> Result<StoreConfig, CommandError> {
        let mut sources = Sources::from_environment(std::env::vars_os())
            .with_code_called("given on the command line");
        if let Some(file) = &self.config {
            sources = sources.with_file(file);
        }
        let settings = WorkerSettings {
            queue: self.address.clone(),
            secret_file: self.secret_file.clone(),
            join_key_file: self.join_key_file.clone(),
            ..WorkerSettings::default()
        };
        StoreConfig::load(&sources, &settings).map_err(|error| mistaken(&error))
    }
}

impl Store {
    fn open(config: &StoreConfig) -> Result<Self, CommandError> {
        let address = &config.queue;
        if address.is_memory() {
            let what = "the queue lives in each worker's process (`memory`): there is nothing to \
                        look at from outside";
            return Err(CommandError::usage(what).with_help(WHERE));
        }
        let mesh = mesh(config)?;
        refuse_missing(address)?;
        let opened =
            meshwork_queue::open(address.expose(), mesh, Random::system(), Clock::system());
        Ok(Self { backend: opened.map_err(not_opened)? })
    }

    /// All queues that hold anything or are paused, in order.
    pub(super) async fn rows(&self) -> Result<Vec<Row>, CommandError> {
        let names = self.backend.list().await.map_err(unavailable)?;
        let rows = stream::iter(names).map(|name| async move {
            let depth = self.queue(&name).depth().await?;
            Ok(Row::new(&name, depth))
        });
        rows.buffered(ASKED_AT_ONCE).try_collect().await.map_err(unavailable)
    }

    /// A queue with what is in it.
    ///
    /// # Errors
    /// Nothing is known of it (1), or the store does not answer (69).
    pub(super) async fn known(
        &self,
        name: &QueueName,
    ) -> Result<(Arc<dyn Queue>, QueueDepth), CommandError> {
        let queue = self.queue(name);
        let depth = queue.depth().await.map_err(unavailable)?;
        if depth == QueueDepth::default() {
            let names = self.backend.list().await.map_err(unavailable)?;
            return Err(unknown(name, &names));
        }
        Ok((queue, depth))
    }

    /// A queue, whether anything is known of it or not. How its jobs are treated is known to
    /// those who run them: a store keeps to that, and not to these options.
    pub(super) fn queue(&self, name: &QueueName) -> Arc<dyn Queue> {
        self.backend.open(name.clone(), QueueOptions::default())
    }
}

/// Whose queues are meant. A file holds those of one mesh only.
fn mesh(config: &StoreConfig) -> Result<MeshId, CommandError> {
    match config.mesh {
        Some(mesh) => Ok(mesh),
        None if config.queue.expose().starts_with("file:") => Ok(MeshId([0; 16])),
        None => {
            let what = "a server keeps the queues of several meshes, and nothing says which is \
                        meant";
            let help = "write --secret-file FILE or --join-key-file FILE, or set \
                        MESHWORK_SECRET_FILE or MESHWORK_JOIN_KEY_FILE";
            Err(CommandError::usage(what).with_help(help))
        }
    }
}

/// Opening a file makes it, which whoever only looks does not want.
#[cfg(feature = "file")]
fn refuse_missing(address: &QueueAddress) -> Result<(), CommandError> {
    if !address.expose().starts_with("file:") {
        return Ok(());
    }
    let options: meshwork_queue::FileOptions =
        address.expose().parse().map_err(|error: meshwork_queue::FileOpenError| {
            CommandError::usage(error.to_string()).with_help(WHERE)
        })?;
    if options.path.exists() {
        return Ok(());
    }
    let what = format!("{}: there is no such file of queues", options.path.display());
    let help = "a worker with this `queue` makes it when it starts; is it what the workers have?";
    Err(CommandError::new(Exit::NoInput, what).with_help(help))
}

#[cfg(not(feature = "file"))]
fn refuse_missing(_: &QueueAddress) -> Result<(), CommandError> {
    Ok(())
}

fn not_opened(error: OpenError) -> CommandError {
    let exit = match error {
        #[cfg(feature = "file")]
        OpenError::File(_) => Exit::NoInput,
        OpenError::Missing { .. } => Exit::Failed,
        _ => Exit::Usage,
    };
    CommandError::new(exit, error.to_string()).with_help(WHERE)
}

/// The store did not answer.
pub(super) fn unavailable(error: Unavailable) -> CommandError {
    CommandError::new(Exit::Unavailable, error.to_string())
        .with_help("check --queue or MESHWORK_QUEUE, and whether the store runs; then try again")
}

/// Nothing is known of a queue; `names` are those that hold anything.
fn unknown(name: &QueueName, names: &[QueueName]) -> CommandError {
    let what = format!("nothing is known of a queue `{name}`");
    let instances = format!("{name}@");
    let all: Vec<String> = names.iter().map(QueueName::to_string).collect();
    let own: Vec<&str> =
        all.iter().map(String::as_str).filter(|one| one.starts_with(&instances)).collect();
    let typed = name.to_string();
    let help = match nearest(&typed, all.iter().map(String::as_str)) {
        _ if !own.is_empty() => format!("each instance has its own: {}", some_of(&own)),
        Some(meant) => format!("did you mean `{meant}`?"),
        None if all.is_empty() => "no queue of this store holds anything".to_owned(),
        None => {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            format!("these hold jobs: {}", some_of(&all))
        }
    };
    CommandError::new(Exit::Failed, what).with_help(help)
}

fn some_of(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more (meshwork queue ls)"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::name::parse_queue;
    use super::*;

    fn help(name: &str, names: &[&str]) -> String {
        let names: Vec<QueueName> = names.iter().map(|name| parse_queue(name).unwrap()).collect();
        unknown(&parse_queue(name).unwrap(), &names).help.unwrap()
    }

    #[test]
    fn an_unknown_queue_says_what_could_be_meant() {
        assert_eq!(help("a.resise", &["a.resize", "b.other"]), "did you mean `a.resize`?");
        assert_eq!(help("a.b", &["a.b@x", "a.b@y"]), "each instance has its own: a.b@x, a.b@y");
        assert_eq!(help("a.b", &[]), "no queue of this store holds anything");
        let many: Vec<String> = (0..10).map(|n| format!("shop.command{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(help("zebra.x", &many).ends_with("command7 and 2 more (meshwork queue ls)"));
    }
}
