//! Queued calls on a running mesh: a real master, workers over real sockets, and each kind of
//! queue.

#![allow(clippy::unwrap_used)] // A test ends where it goes wrong.

#[path = "../support/mod.rs"]
mod support;

mod broadcast;
mod drain;
mod enqueue;
mod outage;
mod queue;
mod repeat;
mod run;
mod store;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshwork_worker::{Builder, Command, Context, Failure, JobEvent, Worker};
use serde::{Deserialize, Serialize};
use support::Mesh;
use support::server::{self, Server};
use tempfile::TempDir;
use tokio::sync::Notify;

use store::Store;

const SCHEMA: &str = r#"
[press]
_allow = ["shop"]
[press._commands._balanced]
print  = { queued = true, responds = true, attempts = 3, backoff = "10ms..50ms" }
many   = { queued = true, concurrency = 4 }
grind  = { queued = true, attempts = 1, run_timeout = "200ms" }
secret = { queued = true, allow = ["clerk"] }
[press._commands._broadcast]
clean  = { queued = true }
[shop]
_connect = ["press"]
[clerk]
_connect = ["press"]
"#;

/// [`SCHEMA`] with leases of `print` that end while a test waits. All others outlast the test, on
/// the slowest machine.
fn schema_with_lease(lease: &str) -> String {
    SCHEMA.replace("50ms\"", &format!("50ms\", lease = \"{lease}\""))
}

/// What the handler of `print` is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Act {
    Answer(String),
    Wait(u64, String),
    /// Until the test lets it end, by [`Log::gate`].
    Hold(String),
    Fail,
    FailUntil(u32),
    LaterOnce(u64),
    Never,
    Panic,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Print(Act);
impl Command for Print {
    const WORKER: &'static str = "press";
    const NAME: &'static str = "print";
    type Reply = String;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Many(u64, u64);
impl Command for Many {
    const WORKER: &'static str = "press";
    const NAME: &'static str = "many";
    type Reply = ();
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Grind;
impl Command for Grind {
    const WORKER: &'static str = "press";
    const NAME: &'static str = "grind";
    type Reply = ();
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Secret;
impl Command for Secret {
    const WORKER: &'static str = "press";
    const NAME: &'static str = "secret";
    type Reply = ();
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Clean(u64);
impl Command for Clean {
    const WORKER: &'static str = "press";
    const NAME: &'static str = "clean";
    type Reply = ();
}

/// What handlers and hooks have seen, in order.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    events: Arc<Mutex<Vec<JobEvent>>>,
    /// Lets one handler end that holds.
    gate: Arc<Notify>,
}

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.lines.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|known| *known == line).count()
    }

    fn events(&self) -> Vec<JobEvent> {
        self.events.lock().unwrap().clone()
    }

    fn has_event(&self, what: &str) -> bool {
        self.events().iter().any(|event| format!("{:?}", event.what).starts_with(what))
    }
}

/// A mesh whose workers share a queue, or keep them.
struct Site {
    mesh: Mesh,
    kind: Kind,
    store: Arc<Store>,
    folder: TempDir,
    redis: Option<Server>,
}

/// Where queues are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// In each process.
    Memory,
    /// In a store of the test's own, which can be taken away.
    Store,
    /// In a file.
    File,
    /// In a Redis server.
    Redis,
}

/// Every kind of queue that can be tested here.
fn every_kind() -> Vec<Kind> {
    [vec![Kind::Memory], shared_kinds()].concat()
}

/// Those that instances share.
fn shared_kinds() -> Vec<Kind> {
    let all = [Kind::Store, Kind::File, Kind::Redis];
    all.into_iter().filter(|kind| *kind != Kind::Redis || server::is_installed()).collect()
}

impl Site {
    async fn start(kind: Kind) -> Self {
        Self::with(kind, SCHEMA).await
    }

    async fn with(kind: Kind, schema: &str) -> Self {
        let mesh = Mesh::start(schema).await;
        let redis = match kind {
            Kind::Redis => Some(Server::start(&[]).await),
            Kind::Memory | Kind::Store | Kind::File => None,
        };
        Self { mesh, kind, store: Store::new(), folder: TempDir::new().unwrap(), redis }
    }

    /// A worker with the queues of this site.
    fn worker(&self, name: &str) -> Builder {
        let builder = self.mesh.worker(name);
        match self.kind {
            Kind::Memory => builder,
            Kind::Store => builder.queue_backend(self.store.clone()),
            Kind::Redis | Kind::File => builder.queue(self.address()),
        }
    }

    /// Where queues are kept that are not this process's.
    fn address(&self) -> String {
        match &self.redis {
            Some(server) => server.url(),
            None => format!("file:{}?sync=normal", self.folder.path().join("jobs.db").display()),
        }
    }

    async fn shop(&self) -> Worker {
        self.worker("shop").variant("till").start().await.unwrap()
    }

    /// A press that does what its jobs say, and notes it.
    fn press(&self, variant: &'static str, log: &Log) -> Builder {
        let (prints, manys, cleans, events) = (log.clone(), log.clone(), log.clone(), log.clone());
        self.worker("press")
            .variant(variant)
            .grace(Duration::from_secs(5))
            .on_job(move |event| events.events.lock().unwrap().push(event))
            .handle(move |context: Context, Print(act)| print(context, act, prints.clone()))
            .handle(move |_: Context, Many(number, ms)| {
                let log = manys.clone();
                async move {
                    log.add(format!("begin {number}"));
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    log.add(format!("end {number}"));
                    Ok(())
                }
            })
            .handle(move |_: Context, Clean(number)| {
                let log = cleans.clone();
                async move {
                    log.add(format!("clean {variant} {number}"));
                    Ok(())
                }
            })
    }
}

async fn print(context: Context, act: Act, log: Log) -> Result<String, Failure> {
    let no = || Failure::new("no", "it was asked to fail");
    log.add(format!("{act:?} #{}", context.attempt()));
    match act {
        Act::Answer(text) => Ok(format!("{text} for {}", context.caller())),
        Act::Wait(ms, text) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            log.add(format!("{text} over"));
            Ok(text)
        }
        Act::Hold(text) => {
            log.gate.notified().await;
            log.add(format!("{text} over"));
            Ok(text)
        }
        Act::Fail => Err(no()),
        Act::FailUntil(attempt) if context.attempt() < attempt => Err(no()),
        Act::FailUntil(attempt) => Ok(attempt.to_string()),
        Act::LaterOnce(ms) if context.attempt() == 1 => {
            Err(no().retry_after(Duration::from_millis(ms)))
        }
        Act::LaterOnce(_) => Ok("later".to_owned()),
        Act::Never => Err(no().permanent()),
        Act::Panic => panic!("a planned panic"),
    }
}

fn answer(text: &str) -> Print {
    Print(Act::Answer(text.to_owned()))
}
