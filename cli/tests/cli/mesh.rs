//! `meshwork call` against a master in another process and workers in this one.

use std::time::Duration;

use meshwork_worker::{Command, Context, Failure, Sources, Worker};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::binary::{Folder, Ran, RunningMaster, SCHEMA};

#[derive(Serialize, Deserialize)]
pub(crate) struct Resize {
    pub(crate) width: u32,
}

impl Command for Resize {
    const WORKER: &'static str = "thumbnailer";
    const NAME: &'static str = "resize";
    type Reply = String;
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Stats;

impl Command for Stats {
    const WORKER: &'static str = "thumbnailer";
    const NAME: &'static str = "stats";
    type Reply = u32;
}

/// A mesh with two thumbnailers, and the folder that its master runs in.
struct Mesh {
    folder: Folder,
    master: RunningMaster,
    workers: Vec<Worker>,
}

impl Mesh {
    async fn start(schema: &str) -> Self {
        let folder = Folder::with_mesh(schema);
        let master = RunningMaster::start(&folder, &[]);
        let mut workers = Vec::new();
        for variant in ["one", "two"] {
            workers.push(thumbnailer(&folder, &master, variant).await);
        }
        Self { folder, master, workers }
    }

    fn call(&self, arguments: &[&str]) -> Ran {
        let access = ["--master", self.master.http(), "--secret-file", "mesh.secret"];
        self.folder.run(&[&["call"], arguments, &access].concat())
    }

    async fn stop(self) {
        for worker in &self.workers {
            worker.shutdown().await;
        }
        assert_eq!(self.master.stop().code, 0);
    }
}

async fn thumbnailer(folder: &Folder, master: &RunningMaster, variant: &str) -> Worker {
    let secret = std::fs::read_to_string(folder.path("mesh.secret")).unwrap();
    let builder = Worker::builder("thumbnailer")
        .sources(Sources::nothing())
        .master(master.http())
        .secret(secret)
        .variant(variant)
        .listen("127.0.0.1:0")
        .lanes(1)
        .ready_within(Duration::from_secs(20))
        .handle(|ctx: Context, resize: Resize| async move {
            match resize.width {
                0 => Err(Failure::new("no_width", "a width of 0")),
                1 => std::future::pending().await,
                width => Ok(format!("{width} by {}", ctx.worker().identity().variant)),
            }
        })
        .handle(|_: Context, _: Stats| async { Ok(7) });
    Box::pin(builder.start()).await.unwrap()
}

#[tokio::test]
async fn calls_end_with_their_outcome_as_exit_code() {
    let mesh = Mesh::start(SCHEMA).await;
    let reply = mesh.call(&["thumbnailer.resize", r#"{"width": 320}"#]).code(0);
    assert!(reply.out.starts_with("\"320 by "), "{reply:#?}");
    assert_eq!(reply.err, "");

    let said_no = mesh.call(&["thumbnailer.resize", r#"{"width": 0}"#]).code(11);
    assert!(said_no.err.contains("a width of 0"), "{}", said_no.err);
    let unknown =
        mesh.call(&["thumbnailer.resize", r#"{"width": 1}"#, "--timeout", "2s", "--json"]);
    let unknown = unknown.code(12).json();
    assert_eq!((&unknown["outcome"], &unknown["cause"]), (&"unknown".into(), &"deadline".into()));
    let refused = mesh.call(&["thumbnailer.resize", r#"{"wide": 1}"#, "--json"]).code(10).json();
    assert_eq!(refused["reason"], "argument_refused");
    assert_eq!(refused["safe_to_retry"], true);
    mesh.stop().await;
}

#[tokio::test]
async fn a_broadcast_shows_one_outcome_per_instance() {
    let mesh = Mesh::start(SCHEMA).await;
    let all = mesh.call(&["thumbnailer.stats", "--json"]).code(0).json();
    let expected = |variant: &str| {
        let mut outcome = json!({ "outcome": "ok", "reply": 7, "worker": "thumbnailer" });
        outcome["variant"] = variant.into();
        outcome
    };
    assert_eq!(all["outcomes"], json!([expected("one"), expected("two")]));
    let table = mesh.call(&["thumbnailer.stats"]).code(0);
    assert!(table.out.contains("thumbnailer/one  ok"), "{}", table.out);

    let one = mesh.call(&["thumbnailer.resize", r#"{"width": 9}"#, "--to", "two"]).code(0);
    assert_eq!(one.out, "\"9 by two\"\n");
    let each = mesh.call(&["thumbnailer.resize", r#"{"width": 9}"#, "--broadcast"]).code(0);
    assert!(each.out.contains("9 by one") && each.out.contains("9 by two"), "{}", each.out);
    let waiting = mesh.call(&["thumbnailer.stats", "--wait"]).code(64);
    assert!(waiting.err.contains("--wait is for a call"), "{}", waiting.err);
    let nobody = mesh.call(&["thumbnailer.resize", "null", "--to", "three"]).code(10);
    assert!(nobody.err.contains("not executed"), "{}", nobody.err);
    mesh.stop().await;
}

#[tokio::test]
async fn what_the_schema_does_not_say_is_explained() {
    let mesh = Mesh::start(SCHEMA).await;
    let ran = mesh.call(&["thumbnailer.resise"]).code(10);
    assert!(ran.err.contains("did you mean `resize`?"), "{}", ran.err);
    let ran = mesh.call(&["tumbnailer.resize"]).code(10);
    assert!(ran.err.contains("did you mean `thumbnailer`?"), "{}", ran.err);
    let ran = mesh.call(&["gateway.anything"]).code(10);
    assert!(ran.err.contains("has no command"), "{}", ran.err);
    mesh.call(&["thumbnailer.resize", "{width: 1}"]).code(64);
    mesh.call(&["thumbnailer"]).code(64);
    mesh.stop().await;
}

#[tokio::test]
async fn a_schema_without_operator_is_shown_the_lines_to_add() {
    let schema = "[thumbnailer]\n_allow = [\"gateway\"]\n\
                  [thumbnailer._commands._balanced]\nresize = {}\n\
                  [thumbnailer._commands._broadcast]\nstats = { responds = true }\n\
                  [gateway]\n_connect = [\"thumbnailer\"]\n";
    let mesh = Mesh::start(schema).await;
    let ran = mesh.call(&["thumbnailer.stats"]).code(77);
    assert!(ran.err.contains("the schema has no worker `operator`"), "{}", ran.err);
    assert!(ran.err.contains("  [operator]\n  _connect = [\"thumbnailer\"]"), "{}", ran.err);
    // As one that it has: a look at what `gateway` sees.
    mesh.call(&["thumbnailer.stats", "--as", "gateway"]).code(0);
    mesh.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_and_a_missing_master_are_told_apart() {
    let mesh = Mesh::start(SCHEMA).await;
    mesh.folder.run(&["keygen", "--out", "other.secret"]).code(0);
    let other = ["call", "thumbnailer.stats", "--secret-file", "other.secret", "--master"];
    let ran = mesh.folder.run(&[&other[..], &[mesh.master.http()]].concat()).code(77);
    assert!(ran.err.contains("the same secret"), "{}", ran.err);
    let ran = mesh.folder.run(&[&other[..], &["http://127.0.0.1:1"]].concat()).code(69);
    assert!(ran.err.contains("no master answers"), "{}", ran.err);
    let ran = mesh.folder.run(&["call", "thumbnailer.stats"]).code(64);
    assert!(ran.err.contains("no credentials"), "{}", ran.err);
    mesh.stop().await;
}

#[tokio::test]
async fn a_join_key_is_enough_and_says_who_calls() {
    let mesh = Mesh::start(SCHEMA).await;
    let join = ["keygen", "join", "gateway", "--secret-file", "mesh.secret"];
    let out = ["--state-dir", "state", "--out", "gateway.key"];
    mesh.folder.run(&[&join[..], &out].concat()).code(0);
    let call = ["call", "thumbnailer.stats", "--join-key-file", "gateway.key", "--master"];
    let with = |rest: &[&str]| mesh.folder.run(&[&call[..], rest].concat());
    let all = with(&[mesh.master.http(), "--json"]).code(0).json();
    assert_eq!(all["outcomes"].as_array().unwrap().len(), 2);
    let ran = with(&[mesh.master.http(), "--as", "operator"]).code(64);
    assert!(ran.err.contains("the join key is for `gateway`"), "{}", ran.err);
    mesh.stop().await;
}

#[tokio::test]
async fn members_are_listed_and_revoked() {
    let mesh = Mesh::start(SCHEMA).await;
    let members = |arguments: &[&str]| {
        let access = ["--master", mesh.master.http(), "--state-dir", "state"];
        mesh.folder.run(&[&["members"], arguments, &access].concat())
    };
    let list = members(&["--json"]).code(0).json();
    let row = &list["members"][0];
    assert_eq!((&row["worker"], &row["variant"]), (&"thumbnailer".into(), &"one".into()));
    assert_eq!(list["members"].as_array().unwrap().len(), 2);
    assert!(members(&[]).code(0).out.contains("thumbnailer/two  ready"));

    let ran = members(&["revoke", "thumbnailer/one"]).code(0);
    assert_eq!(ran.out, "thumbnailer/one is revoked\n");
    let list = members(&["--json"]).code(0).json();
    let left = list["members"].as_array().unwrap();
    assert_eq!(left.len(), 1, "{list}");
    assert_eq!(left[0]["variant"], "two");
    mesh.stop().await;
}
