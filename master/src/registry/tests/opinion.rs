//! The master's opinion never closes a working link.

use std::time::Duration;

use meshwork_shared::protocol::RemovalReason;

use super::*;

/// A gateway and a thumbnailer that know each other.
fn pair(mesh: &mut Mesh) -> (SessionId, SessionId) {
    let gateway = mesh.admit(&Process::new(1, "gateway", "a"));
    let thumbnailer = mesh.admit(&Process::new(2, "thumbnailer", "x"));
    (gateway, thumbnailer)
}

fn removals(mesh: &Mesh, session: SessionId) -> Vec<RemovalReason> {
    mesh.directories[&session].removals.iter().map(|removal| removal.reason).collect()
}

#[test]
fn a_member_that_is_lost_becomes_lost_and_stays_in_views() {
    let mut mesh = Mesh::new();
    let (gateway, thumbnailer) = pair(&mut mesh);
    mesh.lose(thumbnailer);
    assert_eq!(mesh.seen(gateway), ["thumbnailer/x lost"]);
    assert_eq!(removals(&mesh, gateway), []);
    let late = mesh.admit(&Process::new(3, "gateway", "late"));
    assert_eq!(mesh.seen(late), ["thumbnailer/x lost"], "also for who comes later");
    mesh.pass(Duration::from_secs(599));
    assert_eq!(mesh.seen(gateway), ["thumbnailer/x lost"]);
}

#[test]
fn a_member_lost_for_long_expires_which_closes_nothing() {
    let mut mesh = Mesh::new();
    let (gateway, thumbnailer) = pair(&mut mesh);
    mesh.lose(thumbnailer);
    mesh.pass(Duration::from_secs(601));
    assert_eq!(removals(&mesh, gateway), [RemovalReason::Expired]);
    assert!(!RemovalReason::Expired.closes_link());
    assert!(mesh.closed.is_empty());
}

#[test]
fn a_lost_member_that_comes_back_is_the_same_one() {
    let mut mesh = Mesh::new();
    let (gateway, thumbnailer) = pair(&mut mesh);
    mesh.lose(thumbnailer);
    let mut process = Process::new(2, "thumbnailer", "x");
    process.ticket = mesh.tickets.get(&thumbnailer).cloned();
    let again = mesh.admit(&process);
    assert_eq!(mesh.incarnation(again), mesh.incarnation(thumbnailer));
    assert_eq!(mesh.seen(gateway), ["thumbnailer/x ready"]);
    assert_eq!(removals(&mesh, gateway), []);
    mesh.pass(Duration::from_secs(1000));
    assert_eq!(mesh.seen(gateway), ["thumbnailer/x ready"], "it does not expire any more");
}

#[test]
fn an_expired_member_may_come_back_with_its_incarnation() {
    let mut mesh = Mesh::new();
    let (_, thumbnailer) = pair(&mut mesh);
    mesh.lose(thumbnailer);
    mesh.pass(Duration::from_secs(601));
    let mut process = Process::new(2, "thumbnailer", "x");
    process.ticket = mesh.tickets.get(&thumbnailer).cloned();
    let again = mesh.admit(&process);
    assert_eq!(mesh.incarnation(again), mesh.incarnation(thumbnailer));
}

#[test]
fn a_member_that_leaves_is_removed_as_left() {
    let mut mesh = Mesh::new();
    let (gateway, thumbnailer) = pair(&mut mesh);
    mesh.handle(Event::Leave(thumbnailer));
    assert!(mesh.log.contains(&Effect::Left(thumbnailer)));
    assert_eq!(removals(&mesh, gateway), [RemovalReason::Left]);
    assert_eq!(mesh.seen(gateway), [""; 0]);
}

#[test]
fn one_that_left_never_comes_back_as_the_same() {
    let mut mesh = Mesh::new();
    let (_, thumbnailer) = pair(&mut mesh);
    mesh.handle(Event::Leave(thumbnailer));
    let mut process = Process::new(2, "thumbnailer", "x");
    process.ticket = mesh.tickets.get(&thumbnailer).cloned();
    let again = mesh.admit(&process);
    assert!(mesh.incarnation(again) > mesh.incarnation(thumbnailer));
}

#[test]
fn draining_and_ready_are_told_to_peers() {
    let mut mesh = Mesh::new();
    let gateway = mesh.admit(&Process::new(1, "gateway", "a"));
    let mut process = Process::new(2, "thumbnailer", "x");
    process.status = Status::Joining;
    let thumbnailer = mesh.admit(&process);
    assert_eq!(mesh.seen(gateway), ["thumbnailer/x joining"]);
    mesh.handle(Event::Ready(thumbnailer));
    assert_eq!(mesh.seen(gateway), ["thumbnailer/x ready"]);
    mesh.handle(Event::Draining(thumbnailer));
    assert_eq!(mesh.seen(gateway), ["thumbnailer/x draining"]);
}

#[test]
fn views_carry_the_masters_epoch() {
    let mut mesh = Mesh::new();
    let (gateway, _) = pair(&mut mesh);
    let before = mesh.directories[&gateway].epoch;
    mesh.restart_master(true, 0);
    let gateway = mesh.admit(&Process::new(1, "gateway", "a"));
    assert_ne!(mesh.directories[&gateway].epoch, before);
    assert_eq!(mesh.directories[&gateway].epoch, mesh.registry.epoch());
}

#[test]
fn a_new_epoch_removes_nothing_until_two_leases_are_over() {
    let config = RegistryConfig { lost_keep: Duration::from_secs(1), ..config() };
    let mut mesh = Mesh::starting(config, None);
    let (gateway, thumbnailer) = pair(&mut mesh);
    assert!(!mesh.directories[&gateway].settled);
    mesh.lose(thumbnailer);
    mesh.pass(Duration::from_millis(29_999));
    assert_eq!(mesh.seen(gateway), ["thumbnailer/x lost"]);
    assert!(!mesh.directories[&gateway].settled);
    mesh.pass(Duration::from_millis(1));
    assert!(mesh.directories[&gateway].settled, "now absence means something");
    assert_eq!(removals(&mesh, gateway), [RemovalReason::Expired]);
}

#[test]
fn what_members_say_themselves_is_told_within_the_rebuild_window() {
    let mut mesh = Mesh::starting(config(), None);
    let (gateway, thumbnailer) = pair(&mut mesh);
    mesh.handle(Event::Leave(thumbnailer));
    assert_eq!(removals(&mesh, gateway), [RemovalReason::Left]);
}

#[test]
fn a_restarted_master_rebuilds_its_view_from_the_workers() {
    let mut mesh = Mesh::new();
    let (gateway, thumbnailer) = pair(&mut mesh);
    let tickets = mesh.tickets.clone();
    mesh.restart_master(false, 0);
    let mut first = Process::new(1, "gateway", "a");
    first.ticket = tickets.get(&gateway).cloned();
    let mut second = Process::new(2, "thumbnailer", "x");
    second.ticket = tickets.get(&thumbnailer).cloned();
    let first = mesh.admit(&first);
    let second = mesh.admit(&second);
    assert_eq!(mesh.seen(first), ["thumbnailer/x ready"]);
    assert_eq!(mesh.seen(second), ["gateway/a ready"]);
    assert_eq!(mesh.tickets[&first], tickets[&gateway], "a young ticket stays good");
    assert_eq!(mesh.tickets[&second], tickets[&thumbnailer]);
}
