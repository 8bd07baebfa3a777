//! An operator takes tickets back.

use std::time::Duration;

use meshwork_shared::protocol::{RemovalReason, limits};

use super::*;

fn pushed(mesh: &Mesh, to: SessionId) -> Vec<u64> {
    let serials = mesh.log.iter().filter_map(|effect| match effect {
        Effect::PushRevoke { session, revoke } if *session == to => Some(revoke),
        _ => None,
    });
    serials.flat_map(|revoke| revoke.tickets.iter().map(|ticket| ticket.serial)).collect()
}

fn outcome(mesh: &Mesh) -> Result<Vec<MemberKey>, RevokeError> {
    let outcome = mesh.log.iter().rev().find_map(|effect| match effect {
        Effect::Revoked(outcome) => Some(outcome.clone()),
        _ => None,
    });
    outcome.expect("a revocation has an outcome")
}

#[test]
fn a_revoked_member_is_removed_closed_and_everybody_is_told() {
    let mut mesh = Mesh::new();
    let peer = mesh.admit(&Process::new(1, "cell", "peer"));
    let loner = mesh.admit(&Process::new(3, "loner", "l"));
    let bad = mesh.admit(&Process::new(2, "cell", "bad"));
    mesh.jump(Duration::from_secs(13 * 60 * 60));
    let serials = [mesh.welcomes[&bad].claims.serial, mesh.tickets[&bad].serial];
    assert_ne!(serials[0], serials[1], "renewed meanwhile");
    mesh.handle(Event::Revoke(RevokeTarget::Member(key("cell", "bad"))));
    assert_eq!(outcome(&mesh), Ok(vec![key("cell", "bad")]));
    assert_eq!(mesh.closed, [(bad, CloseReason::Revoked)]);
    assert_eq!(mesh.directories[&peer].removals[0].reason, RemovalReason::Revoked);
    assert_eq!(pushed(&mesh, peer), serials, "both of its tickets");
    assert_eq!(pushed(&mesh, loner), serials, "also whom it may not link to");
    assert_eq!(mesh.durable.as_ref().unwrap().revoked_serials.len(), 2);
}

#[test]
fn a_revoked_process_cannot_come_back_nor_can_its_ticket() {
    let mut mesh = Mesh::new();
    let bad = mesh.admit(&Process::new(2, "cell", "bad"));
    mesh.handle(Event::Revoke(RevokeTarget::Member(key("cell", "bad"))));
    let same_key = mesh.join(&Process::new(2, "cell", "other"));
    let ticket = mesh.tickets.get(&bad).cloned();
    let same_ticket = mesh.join(&Process { ticket, ..Process::new(5, "cell", "bad") });
    mesh.restart_master(true, 0);
    let after_restart = mesh.join(&Process::new(2, "cell", "bad"));
    for session in [same_key, same_ticket, after_restart] {
        assert_eq!(mesh.refusals.remove(&session), Some(Refusal::Revoked));
    }
    mesh.admit(&Process::new(6, "cell", "bad"));
}

#[test]
fn the_welcome_carries_the_list_until_the_tickets_have_ended() {
    let mut mesh = Mesh::new();
    mesh.handle(Event::Revoke(RevokeTarget::Serial(77)));
    assert_eq!(outcome(&mesh), Ok(vec![]));
    let session = mesh.admit(&Process::new(1, "cell", "x"));
    assert_eq!(mesh.welcomes[&session].revoked.tickets[0].serial, 77);
    mesh.jump(Duration::from_secs(25 * 60 * 60));
    let session = mesh.admit(&Process::new(2, "cell", "y"));
    assert_eq!(mesh.welcomes[&session].revoked.tickets, []);
}

#[test]
fn one_serial_of_a_member_revokes_the_member() {
    let mut mesh = Mesh::new();
    let bad = mesh.admit(&Process::new(2, "cell", "bad"));
    let serial = mesh.tickets[&bad].serial;
    mesh.handle(Event::Revoke(RevokeTarget::Serial(serial)));
    assert_eq!(mesh.closed, [(bad, CloseReason::Revoked)]);
}

#[test]
fn a_node_can_be_revoked_before_it_joins() {
    let mut mesh = Mesh::new();
    mesh.handle(Event::Revoke(RevokeTarget::Node(NodeId([2; 32]))));
    let session = mesh.join(&Process::new(2, "cell", "bad"));
    assert_eq!(mesh.refusals.remove(&session), Some(Refusal::Revoked));
}

#[test]
fn revoking_nobody_is_an_error_and_so_is_revoking_too_many() {
    let mut mesh = Mesh::new();
    mesh.handle(Event::Revoke(RevokeTarget::Member(key("cell", "nobody"))));
    assert_eq!(outcome(&mesh), Err(RevokeError::UnknownMember));
    let member = mesh.admit(&Process::new(2, "cell", "x"));
    for serial in 0..limits::REVOCATIONS_MAX as u64 {
        mesh.handle(Event::Revoke(RevokeTarget::Serial(serial)));
        assert_eq!(outcome(&mesh), Ok(vec![]));
        mesh.log.clear();
    }
    mesh.handle(Event::Revoke(RevokeTarget::Member(key("cell", "x"))));
    assert_eq!(outcome(&mesh), Err(RevokeError::Full));
    assert_eq!(mesh.member(&key("cell", "x")).unwrap().session, Some(member), "nothing was done");
}
