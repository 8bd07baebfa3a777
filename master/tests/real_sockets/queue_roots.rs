//! The keys of queued jobs as workers get them: by the schema, over rotations and restarts.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Client, Mesh, Process};
use meshwork_master::{Master, State};
use meshwork_schema::{Schema, WorkerName};
use meshwork_shared::protocol::{QueueKeys, ToWorker};
use meshwork_shared::secret::{CalleeKey, MeshSecret};

/// `gateway` may give `thumbnailer` jobs of one command, `rival` of both.
const SCHEMA: &str = r#"
    [gateway]
    _connect = ["thumbnailer"]
    [rival]
    _connect = ["thumbnailer"]
    [thumbnailer]
    _allow = ["gateway", "rival"]
    [thumbnailer._commands._balanced]
    resize = { queued = true }
    erase = { queued = true, allow = ["rival"] }
    ping = {}
    [loner]
"#;

async fn start(mesh: &Mesh, state: State, schema: &str) -> Master {
    let config = mesh.config();
    let schema = Schema::from_toml(schema).expect("the schema of a test is right");
    let builder = Master::builder(schema, config).state(state).http(false);
    builder.start().await.expect("the master of a test starts")
}

/// A worker of a kind, and the keys that its welcome had.
async fn admit(mesh: &Mesh, master: &Master, worker: &'static str) -> (Client, QueueKeys) {
    let mut process = Process::new(mesh, worker, "pod-1");
    let (client, welcome) = process.admit(mesh, master, &mesh.psk()).await;
    (client, *welcome.queue_keys.expect("keys in the welcome"))
}

/// The keys of one epoch that the master sends later.
async fn sent(client: &mut Client, epoch: u64) -> QueueKeys {
    let keys = client.news(|news| match news {
        ToWorker::QueueKeys(keys) if keys.epoch == epoch => Some(*keys),
        _ => None,
    });
    keys.await
}

fn granted(keys: &QueueKeys) -> Vec<String> {
    let commands = keys.callees.iter().flat_map(|callee| {
        callee.commands.iter().map(|grant| format!("{}.{}", callee.worker, grant.command))
    });
    commands.collect()
}

/// Whether a callee can open what a caller of this name seals with the keys that it got.
fn fits(callee: &QueueKeys, caller: &QueueKeys, name: &str) -> bool {
    let own = CalleeKey::from_bytes(*callee.own.as_ref().expect("it has queued commands").expose());
    let caller_name: WorkerName = name.parse().expect("a name");
    let grants = caller.callees.iter().flat_map(|callee| &callee.commands);
    callee.epoch == caller.epoch
        && grants.into_iter().all(|grant| {
            own.pair_key(&caller_name, &grant.command).expose_bytes() == grant.key.expose()
        })
}

#[tokio::test]
async fn each_worker_gets_the_keys_that_the_schema_gives_it() {
    let mesh = Mesh::new(41);
    let master = start(&mesh, mesh.state.clone(), SCHEMA).await;
    let (_a, gateway) = admit(&mesh, &master, "gateway").await;
    let (_b, rival) = admit(&mesh, &master, "rival").await;
    let (_c, thumbnailer) = admit(&mesh, &master, "thumbnailer").await;
    let (_d, loner) = admit(&mesh, &master, "loner").await;
    assert_eq!(granted(&gateway), ["thumbnailer.resize"]);
    assert_eq!(granted(&rival), ["thumbnailer.erase", "thumbnailer.resize"]);
    assert!(granted(&thumbnailer).is_empty() && granted(&loner).is_empty());
    assert!(gateway.own.is_none() && loner.own.is_none());
    assert!(fits(&thumbnailer, &gateway, "gateway") && fits(&thumbnailer, &rival, "rival"));
    assert!(!fits(&thumbnailer, &gateway, "rival"));
    master.shutdown().await;
}

#[tokio::test]
async fn another_schema_brings_other_keys() {
    let mesh = Mesh::new(42);
    let master = start(&mesh, mesh.state.clone(), SCHEMA).await;
    let (mut client, before) = admit(&mesh, &master, "gateway").await;
    let wider = SCHEMA.replace(r#", allow = ["rival"]"#, "");
    master.reload_schema_toml(&wider).await.unwrap();
    let after = sent(&mut client, before.epoch).await;
    assert_eq!(granted(&after), ["thumbnailer.erase", "thumbnailer.resize"]);
    let narrower = SCHEMA.replace(r#"_allow = ["gateway", "rival"]"#, r#"_allow = ["rival"]"#);
    master.reload_schema_toml(&narrower).await.unwrap();
    let after = sent(&mut client, before.epoch).await;
    assert!(granted(&after).is_empty());
    master.shutdown().await;
}

#[tokio::test]
async fn a_rotation_reaches_everybody_and_old_roots_stay_until_forgotten() {
    let mesh = Mesh::new(43);
    let master = start(&mesh, mesh.state.clone(), SCHEMA).await;
    let (mut gateway, first) = admit(&mesh, &master, "gateway").await;
    let (mut thumbnailer, own_first) = admit(&mesh, &master, "thumbnailer").await;
    let rotated = master.rotate_queue_root().await.unwrap();
    assert_eq!(rotated.kept, [first.epoch, rotated.epoch]);
    assert!(rotated.epoch > first.epoch);
    let second = sent(&mut gateway, rotated.epoch).await;
    let own_second = sent(&mut thumbnailer, rotated.epoch).await;
    assert!(fits(&own_second, &second, "gateway") && fits(&own_first, &first, "gateway"));
    assert_ne!(second.callees, first.callees);
    assert_eq!(second.kept, rotated.kept);

    // Who joins later gets the newest in its welcome and the others after it.
    let (mut rival, newest) = admit(&mesh, &master, "rival").await;
    assert_eq!(newest.epoch, rotated.epoch);
    let older = sent(&mut rival, first.epoch).await;
    assert!(fits(&own_first, &older, "rival"));

    let forgotten = master.forget_queue_roots().await.unwrap();
    assert_eq!((forgotten.epoch, forgotten.kept), (rotated.epoch, vec![rotated.epoch]));
    assert_eq!(sent(&mut gateway, rotated.epoch).await.kept, [rotated.epoch]);
    assert_eq!(master.counters().await.unwrap()["audit_queue_roots"], 2);
    master.shutdown().await;
}

#[tokio::test]
async fn roots_survive_a_restart_and_a_rotation_of_the_mesh_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let mut mesh = Mesh::new(44);
    let master = start(&mesh, State::folder(&path), SCHEMA).await;
    let (_client, first) = admit(&mesh, &master, "gateway").await;
    let rotated = master.rotate_queue_root().await.unwrap();
    master.shutdown().await;
    let file = path.join("queue.roots");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let secret: MeshSecret = mesh.secret.generate_rotated(&mesh.random);
    mesh.secret = secret;
    let master = start(&mesh, State::folder(&path), SCHEMA).await;
    let (mut client, newest) = admit(&mesh, &master, "gateway").await;
    assert_eq!((newest.epoch, &newest.kept), (rotated.epoch, &rotated.kept));
    let older = sent(&mut client, first.epoch).await;
    assert_eq!(older.callees, first.callees, "the same keys as before");
    master.shutdown().await;
}

#[tokio::test]
async fn a_rotation_that_cannot_be_written_down_does_not_happen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let mesh = Mesh::new(45);
    let master = start(&mesh, State::folder(&path), SCHEMA).await;
    let (_client, first) = admit(&mesh, &master, "gateway").await;
    // A folder in the place of the file: whoever may do everything cannot replace that either.
    std::fs::remove_file(path.join("queue.roots")).unwrap();
    std::fs::create_dir_all(path.join("queue.roots").join("full")).unwrap();
    let failed = master.rotate_queue_root().await.unwrap_err();
    assert!(failed.to_string().contains("queue.roots"), "{failed}");
    let (_client, after) = admit(&mesh, &master, "loner").await;
    assert_eq!(after.kept, [first.epoch]);
    master.shutdown().await;
}
