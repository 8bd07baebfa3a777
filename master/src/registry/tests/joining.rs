//! Who is let in, and who is not.

use std::time::Duration;

use super::*;

fn refusal_of(mesh: &mut Mesh, process: &Process) -> Refusal {
    let session = mesh.join(process);
    mesh.refusals.remove(&session).expect("refused")
}

#[test]
fn a_worker_of_the_schema_is_welcomed_with_all_it_needs() {
    let mut mesh = Mesh::new();
    let session = mesh.admit(&Process::new(1, "gateway", "a"));
    let admission = &mesh.welcomes[&session];
    let (_, number, fingerprint) = mesh.registry.schema();
    assert_eq!(admission.claims.subject, NodeId([1; 32]));
    assert_eq!(admission.claims.mesh, MESH);
    assert_eq!(admission.claims.schema_version, number);
    assert_eq!((admission.schema_number, admission.schema_fingerprint), (number, fingerprint));
    assert!(!admission.schema_known);
    assert_eq!(admission.lease, Duration::from_secs(15));
    assert_eq!(admission.view.epoch, mesh.registry.epoch());
    assert!(admission.view.settled);
    let [(present, starts), (next, _)] = admission.link_epochs.starts();
    assert!(starts <= mesh.now.unix_s() && next == present + 1);
}

#[test]
fn the_schema_is_not_sent_to_who_holds_it() {
    let mut mesh = Mesh::new();
    let (_, number, fingerprint) = mesh.registry.schema();
    let mut process = Process::new(1, "gateway", "a");
    process.schema = Some(KnownSchema { number, fingerprint, signature: None });
    let session = mesh.admit(&process);
    assert!(mesh.welcomes[&session].schema_known);
}

#[test]
fn a_join_key_admits_its_own_worker_only() {
    let mut mesh = Mesh::new();
    let mut process = Process::new(1, "gateway", "a");
    process.admission = AdmissionKey::Join("thumbnailer".parse().unwrap());
    let expected = Refusal::NotYourName { worker: "gateway".parse().unwrap() };
    assert_eq!(refusal_of(&mut mesh, &process), expected);
    let audited =
        Audit::Refused { key: process.key.clone(), node: process.node, refusal: expected };
    assert!(mesh.log.contains(&Effect::Audit(audited)));
    process.admission = AdmissionKey::Join("gateway".parse().unwrap());
    mesh.admit(&process);
}

#[test]
fn a_worker_that_the_schema_lacks_is_refused() {
    let mut mesh = Mesh::new();
    let expected = Refusal::UnknownWorker { worker: "nobody".parse().unwrap() };
    assert_eq!(refusal_of(&mut mesh, &Process::new(1, "nobody", "a")), expected);
}

#[test]
fn addresses_that_nobody_can_dial_are_refused() {
    let mut mesh = Mesh::new();
    for address in ["0.0.0.0:4000", "10.0.0.1:0", "[::]:4000", "224.0.0.1:4000"] {
        let mut request = Process::new(1, "gateway", "a").request(SessionId(77));
        request.join.addresses = vec![address.parse().unwrap()];
        mesh.handle(Event::Join(request));
        let refusal = mesh.refusals.remove(&SessionId(77)).unwrap();
        assert!(refusal.to_string().contains(address), "{refusal}");
    }
    let mut request = Process::new(1, "gateway", "a").request(SessionId(77));
    request.join.addresses.clear();
    mesh.handle(Event::Join(request));
    assert!(mesh.welcomes.contains_key(&SessionId(77)), "a worker need not listen");
}

#[test]
fn one_link_joins_once() {
    let mut mesh = Mesh::new();
    let process = Process::new(1, "gateway", "a");
    let session = mesh.admit(&process);
    mesh.handle(Event::Join(process.request(session)));
    assert_eq!(mesh.refusals.remove(&session), Some(Refusal::AlreadyJoined));
    assert!(mesh.member(&process.key).is_some());
}

#[test]
fn a_master_that_shuts_down_admits_nobody() {
    let mut mesh = Mesh::new();
    let session = mesh.admit(&Process::new(1, "gateway", "a"));
    mesh.handle(Event::Shutdown);
    assert_eq!(refusal_of(&mut mesh, &Process::new(2, "gateway", "b")), Refusal::Draining);
    assert!(mesh.closed.is_empty(), "{session:?} is left alone");
}

#[test]
fn a_full_mesh_refuses_and_says_its_limit() {
    let config = RegistryConfig { members_max: 2, ..config() };
    let mut mesh = Mesh::starting(config, None);
    mesh.admit(&Process::new(1, "gateway", "a"));
    let lost = mesh.admit(&Process::new(2, "cell", "b"));
    let third = Process::new(3, "cell", "c");
    assert_eq!(refusal_of(&mut mesh, &third), Refusal::Full { limit: 2 });
    mesh.lose(lost);
    assert_eq!(refusal_of(&mut mesh, &third), Refusal::Full { limit: 2 }, "in the rebuild window");
    mesh.pass(Duration::from_secs(30));
    mesh.admit(&third);
    assert!(mesh.member(&key("cell", "b")).is_none(), "the one lost for longest made room");
}

#[test]
fn one_worker_cannot_take_all_room() {
    let config = RegistryConfig { worker_members_max: 1, ..config() };
    let mut mesh = Mesh::starting(config, None);
    mesh.admit(&Process::new(1, "cell", "a"));
    assert_eq!(refusal_of(&mut mesh, &Process::new(2, "cell", "b")), Refusal::Full { limit: 1 });
    mesh.admit(&Process::new(3, "gateway", "a"));
}

#[test]
fn members_carry_the_commands_they_serve() {
    let mut mesh = Mesh::new();
    let gateway = mesh.admit(&Process::new(1, "gateway", "a"));
    let mut old_image = Process::new(2, "thumbnailer", "old").request(SessionId(900));
    old_image.join.commands = vec!["resize".parse().unwrap()];
    mesh.handle(Event::Join(old_image));
    mesh.admit(&Process::new(3, "thumbnailer", "new"));
    let members = &mesh.directories[&gateway].members;
    let serves =
        |variant: &str, command: &str| members[&key("thumbnailer", variant)].serves(command);
    assert!(serves("old", "resize") && !serves("old", "warm"));
    assert!(serves("new", "resize") && serves("new", "warm"));
}
