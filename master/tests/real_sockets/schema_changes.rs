//! Another schema while members are there: over HTTP, from the file, and over a restart.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meshwork_master::http::dto;
use meshwork_master::{Apply, Master, ReloadError, Reloaded, SchemaStatus, State};
use meshwork_schema::{ChangeKind, Schema};
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::ToWorker;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::{Client, Mesh, PATIENCE, Process, SCHEMA};

const TOKEN: &str = "a-token-of-at-least-24-characters";

/// What `SCHEMA` says, without its worker `loner`.
fn without_loner() -> String {
    SCHEMA.replace("[loner]", "")
}

fn wider() -> String {
    format!("{SCHEMA}\n[printer]\n_allow = [\"gateway\"]\n")
}

/// A master that knows who runs almost at once, and watches `file` if there is one.
async fn start(mesh: &Mesh, state: &State, file: Option<&Path>) -> Master {
    let mut config = mesh.config();
    config.admin_token = Some(TOKEN.into());
    let text = file.map_or(SCHEMA.to_owned(), |file| std::fs::read_to_string(file).unwrap());
    let builder = Master::builder(Schema::from_toml(&text).unwrap(), config).state(state.clone());
    let builder = builder.registry(|registry| registry.lease = Duration::from_millis(10));
    let builder = match file {
        Some(file) => builder.schema_file(file),
        None => builder,
    };
    let master = builder.start().await.unwrap();
    let settled = async {
        while !master.members().await.unwrap().settled {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, settled).await.expect("it settles");
    master
}

async fn loner(mesh: &Mesh, master: &Master) -> Client {
    Process::new(mesh, "loner", "x").admit(mesh, master, &mesh.psk()).await.0
}

/// Hands a schema over by HTTP.
fn put(master: &Master, query: &str, kind: &str, body: &[u8]) -> (u16, String) {
    let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE));
    let agent: ureq::Agent = config.http_status_as_error(false).build().into();
    let url = format!("http://{}/v1/schema{query}", master.http_addr().unwrap());
    let request = agent.put(url).header("authorization", format!("Bearer {TOKEN}"));
    let mut answer = request.header("content-type", kind).send(body).unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn toml(master: &Master, query: &str, text: &str) -> (u16, String) {
    put(master, query, "application/toml", text.as_bytes())
}

fn shown(master: &Master) -> dto::SchemaInfo {
    let url = format!("http://{}/v1/schema", master.http_addr().unwrap());
    let request = ureq::get(url).header("authorization", format!("Bearer {TOKEN}"));
    serde_json::from_str(&request.call().unwrap().body_mut().read_to_string().unwrap()).unwrap()
}

/// Waits until the schema is as wanted.
async fn until(master: &Master, what: &str, wanted: impl Fn(&SchemaStatus) -> bool) {
    let reached = async {
        while !wanted(&master.schema().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(PATIENCE, reached).await.is_ok(), "it never came true that {what}");
}

fn has(status: &SchemaStatus, worker: &str) -> bool {
    status.schema.worker(worker).is_some()
}

#[tokio::test]
async fn a_schema_is_applied_over_http() {
    let mesh = Mesh::new(60);
    let master = start(&mesh, &mesh.state, None).await;
    let mut client = loner(&mesh, &master).await;
    let before = shown(&master);
    assert!(!before.applied);

    let (status, body) = toml(&master, "?dry_run=true", &wider());
    let checked: dto::SchemaApplied = serde_json::from_str(&body).unwrap();
    assert_eq!((status, checked.outcome.as_str()), (200, "checked"));
    assert_eq!(checked.changes.changes[0].kind, ChangeKind::WorkerAdded);
    assert_eq!(shown(&master), before, "it was only asked about");

    let json = Schema::from_toml(&wider()).unwrap().canonical_json();
    let (status, body) = put(&master, "", "application/json", json.as_bytes());
    let applied: dto::SchemaApplied = serde_json::from_str(&body).unwrap();
    assert_eq!((status, applied.outcome.as_str()), (200, "changed"));
    assert!(applied.number > before.number);
    let told = client.news(|news| if let ToWorker::Schema(_) = news { Some(()) } else { None });
    timeout(PATIENCE, told).await.unwrap();
    let after = shown(&master);
    assert_eq!((after.number, after.applied), (applied.number, true));
    assert_eq!(
        (after.last_reload.by.as_str(), after.last_reload.outcome.as_str()),
        ("operator", "changed")
    );

    let (status, body) = toml(&master, "", &wider());
    let again: dto::SchemaApplied = serde_json::from_str(&body).unwrap();
    assert_eq!((status, again.outcome.as_str(), again.number), (200, "unchanged", applied.number));
    master.shutdown().await;
}

#[tokio::test]
async fn what_breaks_is_refused_unless_it_is_forced() {
    let mesh = Mesh::new(61);
    let master = start(&mesh, &mesh.state, None).await;
    let client = loner(&mesh, &master).await;
    for query in ["", "?dry_run=true"] {
        let (status, body) = toml(&master, query, &without_loner());
        let problem: dto::SchemaProblem = serde_json::from_str(&body).unwrap();
        assert_eq!((status, problem.error.as_str()), (409, "breaking"));
        assert!(problem.message.contains("--force"), "{}", problem.message);
        let changes = problem.changes.unwrap();
        assert_eq!(changes.changes[0].breaks.as_deref(), Some("1 instance runs"));
    }
    let refused = shown(&master);
    assert_eq!(refused.last_reload.outcome, "refused");
    assert!(refused.last_reload.report.unwrap().contains("worker  loner"));
    assert!(refused.schema.to_string().contains("loner"), "the old one stays");

    let (status, body) = toml(&master, "?force=true", &without_loner());
    assert_eq!(status, 200, "{body}");
    assert_eq!(client.close_code().await, CloseCode::NoLongerAllowed);
    // What is not there any more is in nobody's way.
    let (status, body) = toml(&master, "", SCHEMA);
    assert_eq!(status, 200, "{body}");
    assert_eq!(toml(&master, "", &without_loner()).0, 200);
    master.shutdown().await;
}

#[tokio::test]
async fn what_is_no_schema_changes_nothing() {
    let mesh = Mesh::new(62);
    let master = start(&mesh, &mesh.state, None).await;
    let before = shown(&master);
    let (status, body) = toml(&master, "", "[gateway]\n_conect = []\n");
    let problem: dto::SchemaProblem = serde_json::from_str(&body).unwrap();
    assert_eq!((status, problem.error.as_str()), (422, "mistakes"));
    assert!(problem.report.unwrap().contains("did you mean `_connect`?"));
    assert_eq!(shown(&master).last_reload.outcome, "refused");
    assert_eq!(put(&master, "", "application/json", SCHEMA.as_bytes()).0, 422, "not JSON");
    assert_eq!(put(&master, "", "application/toml", &[0xff, 0xfe]).0, 422);
    assert_eq!(put(&master, "", "application/toml", b"").0, 422);
    assert_eq!(toml(&master, "?froce=true", SCHEMA).0, 400);
    assert_eq!(toml(&master, "?force=yes", SCHEMA).0, 400);
    let huge = vec![b'#'; (1 << 20) + 1];
    assert_eq!(put(&master, "", "application/toml", &huge).0, 413);
    let comment = format!("{SCHEMA}\n#{}", "#".repeat(1_000_000));
    assert_eq!(toml(&master, "", &comment).0, 200, "a long one is taken");
    let after = shown(&master);
    assert_eq!((after.number, after.schema), (before.number, before.schema));
    let url = format!("http://{}/v1/schema", master.http_addr().unwrap());
    let nobody = ureq::put(url).send("[gateway]");
    assert!(matches!(nobody, Err(ureq::Error::StatusCode(401))), "{nobody:?}");
    master.shutdown().await;
}

/// Until it has heard from everybody, a master that has just started takes everybody to run.
#[tokio::test]
async fn a_master_that_does_not_know_who_runs_breaks_nothing() {
    let mesh = Mesh::new(63);
    let master = mesh.start().await;
    let schema = Schema::from_toml(&without_loner()).unwrap();
    let refused = master.apply_schema(schema.clone(), Apply::default()).await;
    assert!(matches!(refused, Err(ReloadError::Breaking { assumed: true, .. })), "{refused:?}");
    let forced = Apply { force: true, dry_run: false };
    let forced = master.apply_schema(schema, forced).await.unwrap();
    assert!(matches!(forced.outcome, Reloaded::Changed { .. }));
    master.shutdown().await;
}

/// A file behind two symbolic links, as a ConfigMap is mounted: the middle one is switched.
struct ConfigMap {
    folder: TempDir,
    version: usize,
}

impl ConfigMap {
    fn new(text: &str) -> Self {
        let mut map = Self { folder: tempfile::tempdir().unwrap(), version: 0 };
        map.update(text);
        let (data, file) = ("..data/mesh.toml", map.file());
        std::os::unix::fs::symlink(data, file).unwrap();
        map
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("mesh.toml")
    }

    fn update(&mut self, text: &str) {
        self.version += 1;
        let data = format!("..version_{}", self.version);
        std::fs::create_dir(self.folder.path().join(&data)).unwrap();
        std::fs::write(self.folder.path().join(&data).join("mesh.toml"), text).unwrap();
        let draft = self.folder.path().join("..data_tmp");
        std::os::unix::fs::symlink(&data, &draft).unwrap();
        std::fs::rename(&draft, self.folder.path().join("..data")).unwrap();
    }
}

#[tokio::test]
async fn a_changed_file_is_put_in_force_and_a_broken_one_is_not() {
    let mesh = Mesh::new(64);
    let mut map = ConfigMap::new(SCHEMA);
    let master = start(&mesh, &mesh.state, Some(&map.file())).await;
    let _client = loner(&mesh, &master).await;

    map.update(&wider());
    until(&master, "the new worker is there", |status| has(status, "printer")).await;
    let changed = shown(&master);
    assert_eq!((changed.last_reload.by.as_str(), changed.applied), ("file", false));

    map.update("[gateway]\n_conect = []\n");
    until(&master, "the file is refused", |status| status.refused_file.is_some()).await;
    let refused = shown(&master);
    assert_eq!((refused.number, &refused.schema), (changed.number, &changed.schema));
    assert_eq!(refused.last_reload.outcome, "refused");
    let report = refused.refused_file.unwrap().report.unwrap();
    assert!(report.contains("mesh.toml:2:1") && report.contains("`_connect`"), "{report}");

    std::fs::remove_file(map.file()).unwrap();
    let is_gone = |status: &SchemaStatus| {
        let report = status.refused_file.as_ref().map(|refused| refused.outcome.clone());
        report.is_some_and(|report| report.is_err_and(|report| report.contains("cannot read")))
    };
    until(&master, "the file is missed", is_gone).await;

    std::fs::write(map.file(), SCHEMA).unwrap();
    until(&master, "it counts again", |status| !has(status, "printer")).await;
    assert_eq!(shown(&master).refused_file, None);
    master.shutdown().await;
}

#[tokio::test]
async fn a_file_that_breaks_what_runs_waits_for_that_to_end() {
    let mesh = Mesh::new(65);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mesh.toml");
    std::fs::write(&file, SCHEMA).unwrap();
    let master = start(&mesh, &mesh.state, Some(&file)).await;
    let client = loner(&mesh, &master).await;

    std::fs::write(&file, without_loner()).unwrap();
    until(&master, "the file is refused", |status| status.refused_file.is_some()).await;
    let refused = shown(&master);
    let report = refused.refused_file.unwrap().report.unwrap();
    assert!(report.contains("loner") && report.contains("--force"), "{report}");
    assert!(!refused.applied && refused.schema.to_string().contains("loner"));
    // A master that is started again does not force it either.
    client.leave().await;
    let again = {
        master.shutdown().await;
        let master = start(&mesh, &mesh.state, Some(&file)).await;
        let status = master.schema().await.unwrap();
        assert!(has(&status, "loner") || status.last_reload.by.as_str() == "file");
        master
    };
    until(&again, "nothing is in its way", |status| !has(status, "loner")).await;
    assert_eq!(shown(&again).refused_file, None);
    again.shutdown().await;
}

#[tokio::test]
async fn an_applied_schema_outlives_the_master_until_the_file_changes() {
    let mesh = Mesh::new(66);
    let folder = tempfile::tempdir().unwrap();
    let (file, state) = (folder.path().join("mesh.toml"), State::folder(folder.path().join("s")));
    std::fs::write(&file, SCHEMA).unwrap();
    let master = start(&mesh, &state, Some(&file)).await;
    assert_eq!(toml(&master, "", &wider()).0, 200);
    let applied = master.schema().await.unwrap();
    assert!(applied.is_applied && has(&applied, "printer"));
    // The watcher looks at the old file meanwhile, and changes nothing.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    master.shutdown().await;

    let master = start(&mesh, &state, Some(&file)).await;
    let after = master.schema().await.unwrap();
    assert_eq!((after.number, after.fingerprint), (applied.number, applied.fingerprint));
    assert!(after.is_applied);
    master.look_at_schema_file();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(has(&master.schema().await.unwrap(), "printer"), "an old file is no change");

    let third = SCHEMA.replace("[loner]", "[loner]\n[third]");
    std::fs::write(&file, &third).unwrap();
    until(&master, "the file counts", |status| has(status, "third")).await;
    let status = master.schema().await.unwrap();
    assert!(!status.is_applied && !has(&status, "printer"));
    // Applied again, and the file changes while nobody watches.
    assert_eq!(toml(&master, "", &wider()).0, 200);
    master.shutdown().await;
    std::fs::write(&file, SCHEMA).unwrap();
    let master = start(&mesh, &state, Some(&file)).await;
    let status = master.schema().await.unwrap();
    assert!(!status.is_applied && !has(&status, "printer") && !has(&status, "third"));
    master.shutdown().await;
}
