//! One variant, one holder; revocation; restarts of the master; another schema: over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::{Mesh, Process, SCHEMA, check_ticket, until_status};
use meshwork_master::registry::{RegistryConfig, RevokeError, RevokeTarget};
use meshwork_master::{ReloadError, Reloaded, RevokeFailure, StartError, State};
use meshwork_shared::clock::Clock;
use meshwork_shared::ids::Incarnation;
use meshwork_shared::link::close::CloseCode;
use meshwork_shared::protocol::{
    Change, KnownSchema, MemberKey, Refusal, RemovalReason, SchemaNews, Status, ToWorker,
};
use meshwork_shared::ticket::Bearer;

fn key(name: &str) -> MemberKey {
    let (worker, variant) = name.split_once('/').unwrap();
    MemberKey { worker: worker.parse().unwrap(), variant: variant.parse().unwrap() }
}

#[tokio::test]
async fn attack_23_a_name_with_a_live_holder_is_taken() {
    let mesh = Mesh::new(41);
    // The holder answers long before, however busy the machine.
    let patient = |registry: &mut RegistryConfig| registry.probe_timeout = Duration::from_secs(20);
    let master = mesh.builder(mesh.config()).registry(patient).start().await.unwrap();
    let mut holder = Process::new(&mesh, "gateway", "pod-1");
    let (client, welcome) = holder.admit(&mesh, &master, &mesh.psk()).await;
    let since_unix_ms = master.members().await.unwrap().members[0].since_unix_ms;

    let newcomer = Process::new(&mesh, "gateway", "pod-1");
    let refusal = newcomer.refused(&mesh, &master, &mesh.psk()).await;
    let incarnation = welcome.incarnation;
    assert_eq!(
        refusal,
        Refusal::NameTaken { key: key("gateway/pod-1"), incarnation, since_unix_ms }
    );
    assert!(refusal.is_retryable());
    assert!(client.link.is_open());
    master.shutdown().await;
}

#[tokio::test]
async fn attack_23_a_holder_that_does_not_answer_is_fenced() {
    let mesh = Mesh::new(42);
    let master = mesh.start().await;
    let mut holder = Process::new(&mesh, "gateway", "pod-1");
    let (client, first) = holder.admit(&mesh, &master, &mesh.psk()).await;
    // Its socket stays open, and nothing in the process moves.
    client.freeze();

    let mut newcomer = Process::new(&mesh, "gateway", "pod-1");
    let (_newcomer, second) = newcomer.admit(&mesh, &master, &mesh.psk()).await;
    assert!(second.incarnation > first.incarnation);
    let members = master.members().await.unwrap().members;
    let [member] = members.as_slice() else { panic!("never two: {members:?}") };
    assert_eq!(member.member.incarnation, second.incarnation);
    assert_eq!(master.counters().await.unwrap()["audit_fenced"], 1);
    drop(client);
    master.shutdown().await;
}

#[tokio::test]
async fn the_same_process_on_a_new_link_keeps_its_incarnation() {
    let mesh = Mesh::new(43);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (old, first) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let (_new, second) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    assert_eq!(second.incarnation, first.incarnation);
    assert_eq!(old.close_code().await, CloseCode::Duplicate);
    until_status(&master, "gateway/pod-1", Some(Status::Joining)).await;
    master.shutdown().await;
}

#[tokio::test]
async fn attack_24_a_revoked_member_is_closed_and_not_let_in_again() {
    let mesh = Mesh::new(44);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, welcome) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let serial = check_ticket(&mesh, &client, &gateway).claims.serial;
    let mut thumbnailer = Process::new(&mesh, "thumbnailer", "pod-2");
    let (mut peer, _) = thumbnailer.admit(&mesh, &master, &mesh.psk()).await;

    let revoked = master.revoke(RevokeTarget::Member(key("gateway/pod-1"))).await.unwrap();
    assert_eq!(revoked, [key("gateway/pod-1")]);
    assert_eq!(client.close_code().await, CloseCode::Revoked);

    let mut removed = false;
    let mut told = false;
    while !(removed && told) {
        let is_it = |change: &Change| {
            matches!(change, Change::Remove(removal)
                if removal.reason == RemovalReason::Revoked
                    && removal.incarnation == welcome.incarnation)
        };
        let (more_removed, more_told) = peer
            .news(|news| match news {
                ToWorker::Delta(delta) => Some((delta.changes.iter().any(is_it), false)),
                ToWorker::Revoke(list) => {
                    Some((false, list.tickets.iter().any(|ticket| ticket.serial == serial)))
                }
                _ => None,
            })
            .await;
        removed |= more_removed;
        told |= more_told;
    }

    assert_eq!(gateway.refused(&mesh, &master, &mesh.psk()).await, Refusal::Revoked);
    let unknown = master.revoke(RevokeTarget::Member(key("gateway/pod-1"))).await;
    assert_eq!(unknown, Err(RevokeFailure::Refused(RevokeError::UnknownMember)));
    master.shutdown().await;
}

#[tokio::test]
async fn a_revocation_outlives_the_master() {
    let mesh = Mesh::new(45);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (_client, _) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    master.revoke(RevokeTarget::Member(key("gateway/pod-1"))).await.unwrap();
    master.shutdown().await;
    let master = mesh.start().await;
    assert_eq!(gateway.refused(&mesh, &master, &mesh.psk()).await, Refusal::Revoked);
    master.shutdown().await;
}

#[tokio::test]
async fn a_restart_with_its_state_keeps_authority_numbers_and_incarnations() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Mesh { state: State::folder(folder.path().join("state")), ..Mesh::new(46) };
    let unix_ms = Arc::new(AtomicU64::new(1_800_000_000_000));
    let clock = || {
        let unix_ms = unix_ms.clone();
        Clock::from_fn(move || Duration::from_millis(unix_ms.load(Ordering::Relaxed)))
    };
    let now = || unix_ms.load(Ordering::Relaxed) / 1000;
    let start = || mesh.builder(mesh.config()).clock(clock()).start();

    let master = start().await.unwrap();
    let authority = master.authority();
    let number = master.schema().await.unwrap().number;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, first) = gateway.admit_at(&mesh, &master, &mesh.psk(), now()).await;
    drop(client);
    master.shutdown().await;

    // A minute back: the marks count, not the clock.
    unix_ms.fetch_sub(60_000, Ordering::Relaxed);
    let master = start().await.unwrap();
    assert_eq!(master.authority(), authority);
    assert_eq!(master.schema().await.unwrap().number, number, "the same schema");
    let (_client, again) = gateway.admit_at(&mesh, &master, &mesh.psk(), now()).await;
    assert_eq!(again.incarnation, first.incarnation, "it is the same process");
    assert!(again.view.epoch > first.view.epoch);
    assert!(!again.view.settled, "it has to hear from everybody first");

    let mut other = Process::new(&mesh, "gateway", "pod-2");
    let (_other, new) = other.admit_at(&mesh, &master, &mesh.psk(), now()).await;
    assert!(new.incarnation > again.incarnation, "numbers go on");
    master.shutdown().await;
}

#[tokio::test]
async fn a_restart_without_state_learns_from_those_who_come_back() {
    let mesh = Mesh::new(47);
    let master = mesh.start().await;
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (client, first) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let SchemaNews::Signed(signed) = &first.schema else { panic!("new to it") };
    let status = master.schema().await.unwrap();
    gateway.schema = Some(KnownSchema {
        number: status.number,
        fingerprint: status.fingerprint,
        signature: Some(signed.0[signed.0.len() - 64..].to_vec().into()),
    });
    drop(client);
    master.shutdown().await;

    // The key alone is left, and the clock is two minutes behind: tickets still count for both.
    let late = Clock::from_fn(|| Duration::from_millis(Clock::system().unix_ms() - 120_000));
    let master = mesh
        .builder(mesh.config())
        .state(mesh.state_without_marks())
        .clock(late)
        .start()
        .await
        .unwrap();
    let (_client, again) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    assert_eq!(again.incarnation, first.incarnation);
    assert_eq!(master.schema().await.unwrap().number, status.number, "proven by its signature");
    let mut other = Process::new(&mesh, "gateway", "pod-2");
    let (_other, new) = other.admit(&mesh, &master, &mesh.psk()).await;
    assert!(new.incarnation > first.incarnation);
    master.shutdown().await;
}

#[tokio::test]
async fn a_ticket_of_another_authority_or_process_keeps_nothing() {
    let (mesh, other) = (Mesh::new(48), Mesh::new(49));
    let other = Mesh { secret: mesh.secret.clone(), ..other };
    let (master, foreign) = (mesh.start().await, other.start().await);
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (_there, there) = gateway.admit(&other, &foreign, &other.psk()).await;
    let (client, here) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    assert_ne!(here.incarnation, there.incarnation);
    client.leave().await;

    let mut thief = Process::new(&mesh, "gateway", "pod-1");
    thief.ticket = gateway.ticket.clone();
    let (client, stolen) = thief.admit(&mesh, &master, &mesh.psk()).await;
    assert!(stolen.incarnation > here.incarnation);
    let Bearer::Worker { .. } = check_ticket(&mesh, &client, &thief).claims.bearer else {
        panic!("a ticket of its own")
    };
    master.shutdown().await;
    foreign.shutdown().await;
}

#[tokio::test]
async fn another_schema_reaches_every_member_and_a_broken_one_nobody() {
    let mesh = Mesh::new(50);
    let master = mesh.start().await;
    let before = master.schema().await.unwrap();
    let mut gateway = Process::new(&mesh, "gateway", "pod-1");
    let (mut client, _) = gateway.admit(&mesh, &master, &mesh.psk()).await;
    let mut loner = Process::new(&mesh, "loner", "x");
    let (at_loner, _) = loner.admit(&mesh, &master, &mesh.psk()).await;

    let broken = master.reload_schema_toml("[gateway]\n_connect = [\"nobody\"]").await;
    assert!(matches!(broken, Err(ReloadError::Broken(_))), "{broken:?}");
    assert_eq!(master.schema().await.unwrap().number, before.number);
    assert_eq!(master.reload_schema_toml(SCHEMA).await.unwrap(), Reloaded::Unchanged);

    let text = "[gateway]\n_connect = [\"printer\"]\n[printer]\n_allow = [\"gateway\"]";
    let Reloaded::Changed { number } = master.reload_schema_toml(text).await.unwrap() else {
        panic!("it differs")
    };
    assert!(number > before.number);
    let pick = |news| if let ToWorker::Schema(update) = news { Some(update) } else { None };
    let update = client.news(pick).await;
    let mesh_id = mesh.secret.mesh_id();
    let verified = meshwork_shared::signed_schema::SignedSchema::verify(
        &update.signed.0,
        &master.authority(),
        &mesh_id,
    );
    assert_eq!(verified.unwrap().number, number);
    assert_eq!(at_loner.close_code().await, CloseCode::NoLongerAllowed);

    let psk = mesh.join_psk("printer", master.authority());
    Process::new(&mesh, "printer", "p").admit(&mesh, &master, &psk).await;
    master.shutdown().await;
}

#[tokio::test]
async fn damaged_marks_and_taken_ports_are_told_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = Mesh { state: State::folder(folder.path()), ..Mesh::new(51) };
    let master = mesh.start().await;
    let mut taken = mesh.config();
    taken.mesh_listen = master.mesh_addr();
    let error = mesh.builder(taken).start().await.unwrap_err();
    assert!(matches!(error, StartError::MeshListen { .. }), "{error}");
    master.shutdown().await;

    std::fs::write(folder.path().join("marks.json"), "{\"high\":").unwrap();
    let error = mesh.builder(mesh.config()).start().await.unwrap_err();
    assert!(error.to_string().contains("marks.json"), "{error}");
    std::fs::remove_file(folder.path().join("marks.json")).unwrap();

    std::fs::write(folder.path().join("authority.key"), "authority1_nonsense").unwrap();
    let error = mesh.builder(mesh.config()).start().await.unwrap_err();
    assert!(error.to_string().contains("authority.key"), "{error}");
}

#[tokio::test]
async fn incarnations_are_never_given_twice_over_many_restarts() {
    let mesh = Mesh::new(52);
    let clock = Clock::fixed(1_800_000_000);
    let mut last = Incarnation(0);
    for round in 0..5 {
        let master = mesh.builder(mesh.config()).clock(clock.clone()).start().await.unwrap();
        let mut gateway = Process::new(&mesh, "gateway", "pod-1");
        let (_client, welcome) = gateway.admit_at(&mesh, &master, &mesh.psk(), 1_800_000_000).await;
        assert!(welcome.incarnation > last, "round {round}");
        last = welcome.incarnation;
        master.shutdown().await;
    }
}
