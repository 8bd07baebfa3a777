//! Masters that are none, and true ones that are late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use meshwork_master::{Apply, State};
use meshwork_schema::{Schema, Variant, WorkerName};
use meshwork_shared::identity::{AuthorityKey, NodeKey};
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::{
    Binary, Join, JoinReply, LinkSecrets, Member, MemberKey, Refusal, Revoke, SchemaNews,
    SchemaUpdate, Status, View, Welcome,
};
use meshwork_shared::random::Random;
use meshwork_shared::secret::LinkKind;
use meshwork_shared::signed_schema::SignedSchema;
use meshwork_shared::ticket::{Bearer, Ticket};
use meshwork_worker::{Builder, Sources, Worker};
use tempfile::TempDir;

use crate::fake_master::{Answer, Disguise, FakeMaster, ticket};
use crate::people::{Asker, QUICK, SCHEMA, echo};
use crate::proxy::Proxy;
use crate::support::raw::RawWorker;
use crate::support::{Mesh, eventually, soon};

/// What believes it gets no further.
fn refuses() -> Arc<Answer> {
    Arc::new(|_: Join| JoinReply::Refused(Refusal::Revoked))
}

fn authority(mesh: &Mesh) -> AuthorityKey {
    AuthorityKey::load(&mesh.state.path().join("authority.key")).unwrap()
}

fn name() -> WorkerName {
    WorkerName::new("asker").unwrap()
}

/// A worker that meets `disguise` where its master should be tells this cause, and does not join.
async fn is_refused(builder: Builder, disguise: Disguise, cause: &str) {
    let fake = FakeMaster::open(disguise, refuses()).await;
    let started =
        builder.master(fake.address.to_string()).ready_within(Duration::from_secs(5)).start().await;
    let error = started.unwrap_err().to_string();
    assert!(error.contains(cause), "{error:?} does not say {cause:?}");
    assert!(fake.knocks() > 0, "it was asked");
    assert_eq!(fake.believers(), 0, "the worker said nothing of itself");
}

#[tokio::test]
async fn row_28_who_is_not_the_master_is_told_nothing() {
    let mesh = Mesh::start(SCHEMA).await;
    let (id, psk) = (mesh.secret.mesh_id(), mesh.secret.psk(LinkKind::Control));
    let (real, other) = (authority(&mesh), AuthorityKey::generate(&Random::system()));
    let asker = || mesh.worker("asker");
    let pinned = || asker().settings(|s| s.authority = Some(real.public().to_string()));
    let pin = mesh.state.path().join("pin");
    std::fs::write(&pin, real.public().to_string()).unwrap();
    let remembering = || asker().settings(|s| s.authority_file = Some(pin.clone()));
    let join_key = mesh.secret.join_key(&name(), real.public().hash());
    let keyed = || {
        let builder = Worker::builder("asker").sources(Sources::nothing()).listen("127.0.0.1:0");
        builder.join_key(join_key.expose_text().as_str())
    };
    let impostor = || Disguise::of(&other, id, psk.clone());
    let with_key = Disguise { psk: join_key.psk(), ..impostor() };
    let borrowed = Disguise { authority: Some(*real.public().as_bytes()), ..impostor() };
    let nameless = Disguise { authority: None, ..Disguise::of(&real, id, psk.clone()) };
    let stolen = ticket(&real, id, NodeKey::generate(&Random::system()).node_id(), Bearer::Master);
    let stolen = Disguise { ticket: stolen, ..Disguise::of(&real, id, psk.clone()) };
    let member = RawWorker::join(&mesh, "asker", "raw").await.unwrap();
    let promoted = Disguise {
        node_key: member.node_key.clone(),
        ticket: member.welcome.ticket.0.to_vec(),
        ..Disguise::of(&real, id, psk.clone())
    };
    join_all([
        Box::pin(is_refused(pinned(), impostor(), "not the pinned")),
        Box::pin(is_refused(keyed(), with_key, "not the one that the join key names")),
        Box::pin(is_refused(remembering(), impostor(), "not the pinned")),
        Box::pin(is_refused(pinned(), borrowed, "signed by authority")),
        Box::pin(is_refused(asker(), nameless, "is it a master?")),
        Box::pin(is_refused(pinned(), stolen, "belongs to another process")),
        Box::pin(is_refused(pinned(), promoted, "a worker's, but a master was expected")),
    ])
    .await;
}

/// The authority of a master whose ticket does not hold is believed in nothing else either.
#[tokio::test]
async fn row_28_a_refused_master_leaves_no_trust_behind() {
    let mesh = Mesh::start(SCHEMA).await;
    let (id, psk) = (mesh.secret.mesh_id(), mesh.secret.psk(LinkKind::Control));
    let other = AuthorityKey::generate(&Random::system());
    let wrong = ticket(&other, id, NodeKey::generate(&Random::system()).node_id(), Bearer::Master);
    let wrong = Disguise { ticket: wrong, ..Disguise::of(&other, id, psk) };
    let fake = FakeMaster::open(wrong, refuses()).await;
    let wire = Proxy::to(fake.address).await;
    let to_real = async {
        eventually("the fake one is tried", || fake.knocks() > 0).await;
        wire.lead_to(mesh.address());
    };
    let builder = echo(&mesh, "e1").master(wire.address());
    let (started, ()) = tokio::join!(builder.start(), to_real);
    let echo = started.unwrap();

    let raw = RawWorker::join(&mesh, "asker", "raw").await.unwrap();
    let bearer = Bearer::Worker { worker: name(), variant: Variant::new("raw").unwrap() };
    let forged = ticket(&other, id, raw.node_key.node_id(), bearer);
    let mut link = raw.dial_with(echo.listen_addr().unwrap(), forged, None).await;
    assert_eq!(link.closed().await, CloseCode::Denied);
}

/// What a master of the true authority may still not do: go back in time, or say what it did not
/// sign.
#[tokio::test]
async fn row_28_no_schema_but_a_signed_and_newer_one_is_taken() {
    let mesh = Mesh::start(SCHEMA).await;
    let wire = Proxy::to(mesh.address()).await;
    let _echo = echo(&mesh, "e1").start().await.unwrap();
    let sources = Sources::from_environment(QUICK);
    let asker = mesh.worker("asker").sources(sources).variant("a1").master(wire.address());
    let asker = Asker::start(asker).await;
    asker.linked_to(&["echo/e1"]).await;
    let before = asker.worker.schema().unwrap().fingerprint();

    let bad = bad_schemas(&mesh).await;
    let own = mesh.master().schema().await.unwrap();
    let (number, fingerprint) = (own.number, before);
    let news = bad.iter().cloned().map(|signed| SchemaNews::Signed(Binary(signed)));
    let news: Vec<_> = news.chain([SchemaNews::Unchanged { number, fingerprint }]).collect();
    let disguise =
        Disguise::of(&authority(&mesh), mesh.secret.mesh_id(), mesh.secret.psk(LinkKind::Control));
    let fake = FakeMaster::open(disguise, welcomes(&mesh, news)).await;
    wire.lead_to(fake.address);
    wire.cut();
    // It ends each session that begins with a bad schema, and comes back until one does not.
    eventually("it joins there", || fake.believers() == bad.len() + 1).await;
    // Told in this order: with the marker, all before it is known too.
    bad.iter().for_each(|signed| fake.cast(&SchemaUpdate { signed: Binary(signed.clone()) }));
    fake.cast(&view(vec![member("marker")]));
    let known = || asker.worker.members("echo").iter().any(|m| m.key.variant.as_str() == "marker");
    eventually("what came last is known", known).await;
    assert_eq!(fake.believers(), bad.len() + 1, "that session stays");
    assert_eq!(asker.worker.schema().unwrap().fingerprint(), before);
    assert_eq!(asker.say_raw().await.unwrap(), "echo/e1");
    assert!(asker.lost().is_empty(), "{:?}", asker.lost());
}

/// The state is a copy from before the schema that the workers have. They come back, and all go by
/// the restored one.
#[tokio::test]
async fn a_master_restored_from_before_a_schema_gets_its_workers_back() {
    let mut mesh = Mesh::start(SCHEMA).await;
    let wire = Proxy::to(mesh.address()).await;
    let old = echo(&mesh, "old").master(wire.address()).start().await.unwrap();
    let copy = TempDir::new().unwrap();
    for file in std::fs::read_dir(mesh.state.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let first = Schema::from_toml(SCHEMA).unwrap();
    let second = Schema::from_toml(&format!("{SCHEMA}\n[another]\n")).unwrap();
    let apply = Apply { force: false, dry_run: false };
    mesh.master().apply_schema(second.clone(), apply).await.unwrap();
    eventually("the change is known", || *old.schema().unwrap() == second).await;

    mesh.stop_master().await;
    let restored = mesh.master_of(first.clone(), State::folder(copy.path())).await;
    wire.lead_to(restored.mesh_addr());
    eventually("the change is taken back", || *old.schema().unwrap() == first).await;
    let ready = async {
        loop {
            let members = restored.members().await.unwrap().members;
            match members.first().map(|info| info.member.status) {
                Some(Status::Ready) => break,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    soon("the worker is a member again", ready).await;
    let new = echo(&mesh, "new").master(wire.address()).start().await.unwrap();
    eventually("old and new are linked", || old.connected_peers().len() == 1).await;
    assert_eq!(*new.schema().unwrap(), first);
}

/// A schema of before, one of nobody, one of another authority, one that was changed.
async fn bad_schemas(mesh: &Mesh) -> Vec<bytes::Bytes> {
    let (real, other) = (authority(mesh), AuthorityKey::generate(&Random::system()));
    let number = mesh.master().schema().await.unwrap().number;
    let open = SCHEMA.replace("_connect = [\"echo\"]", "_connect = \"anyNode\"");
    let open = Schema::from_toml(&open).unwrap();
    let (json, print) = (open.canonical_json(), open.fingerprint());
    let sign = |number, key: &AuthorityKey| {
        let signed =
            SignedSchema::sign(number, json.as_bytes(), print, &mesh.secret.mesh_id(), key);
        signed.unwrap().as_bytes().clone()
    };
    let newer = sign(number + 1, &real);
    let mut unsigned = newer.to_vec();
    let signature = unsigned.len() - 64;
    unsigned[signature..].fill(0);
    let mut changed = newer.to_vec();
    changed[100] ^= 1;
    vec![sign(number - 1, &real), unsigned.into(), sign(number + 1, &other), changed.into()]
}

/// Lets everybody in that has a ticket, each time with the next schema of the list.
fn welcomes(mesh: &Mesh, news: Vec<SchemaNews>) -> Arc<Answer> {
    let (public, id) = (authority(mesh).public(), mesh.secret.mesh_id());
    let round = AtomicUsize::new(0);
    Arc::new(move |join| {
        let ticket = join.ticket.unwrap();
        let incarnation = Ticket::verify(&ticket.0, &public, &id).unwrap().claims.incarnation;
        let schema = news[round.fetch_add(1, Ordering::SeqCst) % news.len()].clone();
        JoinReply::Welcome(Box::new(Welcome {
            incarnation,
            ticket,
            lease_ms: 15_000,
            schema,
            link_secrets: LinkSecrets::default(),
            queue_keys: None,
            revoked: Revoke::default(),
            view: view(Vec::new()),
        }))
    })
}

fn view(members: Vec<Arc<Member>>) -> View {
    let number = 1 + members.len() as u64;
    View { epoch: 7, number, settled: false, more: false, members, removed: Vec::new() }
}

fn member(variant: &str) -> Arc<Member> {
    let worker = WorkerName::new("echo").unwrap();
    Arc::new(Member {
        key: MemberKey { worker, variant: Variant::new(variant).unwrap() },
        incarnation: Incarnation(1),
        node: NodeId([9; 32]),
        addresses: Vec::new(),
        commands: Vec::new(),
        schema: 1,
        status: Status::Ready,
    })
}
