//! The workers of these tests that are no children: an asker that calls, and an echo in this
//! process, for networks that lead to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::config::MasterConfig;
use meshwork_worker::{Builder, CallError, Context, Sources, UnknownCause, Worker};
use serde_json::{Value, json};

use crate::support::{Mesh, eventually, soon};

pub(crate) const SCHEMA: &str = r#"
[echo]
_allow = ["asker", "echo"]
_connect = ["echo"]
[echo._commands._balanced]
say = { timeout = "5s" }
wait = { timeout = "60s" }
spin = { timeout = "60s" }
[echo._commands._broadcast]
who = { responds = true, timeout = "5s" }

[asker]
_connect = ["echo"]
[stranger]
_connect = ["echo"]
"#;

/// Silence is noticed soon, and one that a busy machine makes is not taken for death.
pub(crate) const QUICK: [(&str, &str); 2] =
    [("MESHWORK_LIMITS__PING_AFTER", "200ms"), ("MESHWORK_LIMITS__DEAD_AFTER", "3s")];

/// Longer than [`QUICK`] takes a peer for dead.
pub(crate) const LONGER_THAN_DEAD: Duration = Duration::from_millis(7_500);

/// As [`QUICK`], for the master.
pub(crate) fn quick(config: &mut MasterConfig) {
    config.limits.ping_after = Duration::from_millis(200);
    config.limits.dead_after = Duration::from_secs(3);
}

/// An echo in this process: its commands take raw bytes.
pub(crate) fn echo(mesh: &Mesh, variant: &str) -> Builder {
    mesh.worker("echo")
        .sources(Sources::from_environment(QUICK))
        .variant(variant)
        .handle_raw("say", |context: Context, _: Bytes| async move {
            Ok(context.worker().identity().to_string().into())
        })
        .handle_raw("wait", |_: Context, _: Bytes| std::future::pending())
}

/// A worker that calls, and remembers whom it lost and why.
pub(crate) struct Asker {
    pub(crate) worker: Worker,
    lost: Arc<Mutex<Vec<String>>>,
}

impl Asker {
    pub(crate) async fn start(builder: Builder) -> Self {
        let lost: Arc<Mutex<Vec<String>>> = Arc::default();
        let told = lost.clone();
        let worker = builder
            .on_disconnection(move |gone| {
                told.lock().unwrap().push(format!("{}: {}", gone.peer, gone.reason));
            })
            .start()
            .await
            .unwrap();
        Self { worker, lost }
    }

    /// One that notices silence soon.
    pub(crate) async fn quick(mesh: &Mesh, variant: &str) -> Self {
        let sources = Sources::from_environment(QUICK);
        Self::start(mesh.worker("asker").sources(sources).variant(variant)).await
    }

    pub(crate) async fn linked_to(&self, peers: &[&str]) {
        eventually(&format!("there are links to {peers:?}"), || self.links() == peers).await;
    }

    pub(crate) fn links(&self) -> Vec<String> {
        self.worker.connected_peers().iter().map(ToString::to_string).collect()
    }

    pub(crate) fn lost(&self) -> Vec<String> {
        self.lost.lock().unwrap().clone()
    }

    /// Asks a child, any instance of it; says which one answered.
    pub(crate) async fn say(&self) -> Result<String, CallError> {
        let said = self.worker.call_json("echo", "say", &json!({"text": "hello"})).await?;
        Ok(said["by"].as_str().unwrap().to_owned())
    }

    /// Asks an echo of this process, any instance; says which one answered.
    pub(crate) async fn say_raw(&self) -> Result<String, CallError> {
        let said = self.worker.call_raw("echo", "say", Bytes::new()).await?;
        Ok(String::from_utf8(said.to_vec()).unwrap())
    }

    /// A call to that instance that it does not answer within the time of a test.
    pub(crate) fn wait(&self, variant: &str) -> tokio::task::JoinHandle<Result<Value, CallError>> {
        let peer = self.worker.peer("echo", variant).unwrap();
        tokio::spawn(async move { peer.call_json("wait", &json!({"ms": 60_000})).await })
    }
}

/// The call may have run, because its link was lost: not refused, and not timed out.
pub(crate) async fn ends_unknown(call: tokio::task::JoinHandle<Result<Value, CallError>>) {
    let ended = soon("the end of the call", call).await.unwrap();
    let lost = matches!(ended, Err(CallError::Unknown { cause: UnknownCause::LinkLost, .. }));
    assert!(lost, "{ended:?}");
}

/// Waits until the master sees all members so.
pub(crate) async fn all_are(mesh: &Mesh, status: &str) {
    let seen = async {
        while !mesh.statuses().await.iter().all(|member| member.ends_with(status)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(&format!("the master's word that all are {status}"), seen).await;
}
