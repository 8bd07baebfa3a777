//! Numbers survive the master.

use std::time::Duration;

use super::*;

const MINUTE_MS: u64 = 60_000;

#[test]
fn numbers_are_unix_milliseconds_or_one_more_than_the_highest() {
    let mut numbers = Numbers::default();
    assert_eq!(numbers.next(5), 5);
    assert_eq!(numbers.next(4), 6);
    assert!(numbers.observe(100));
    assert!(!numbers.observe(50));
    assert_eq!(numbers.next(9), 101);
    assert_eq!(numbers.next(900), 900);
}

#[test]
fn the_mark_is_written_before_numbers_beyond_it_are_given_out() {
    let mut mesh = Mesh::starting(config(), None);
    for id in 1..200 {
        mesh.jump(Duration::from_secs(7));
        let session = mesh.admit(&Process::new(id, "cell", &format!("v{id}")));
        let high = mesh.durable.as_ref().unwrap().high;
        assert!(high >= mesh.incarnation(session) && high >= mesh.tickets[&session].serial);
    }
    let written = mesh.log.iter().filter(|effect| matches!(effect, Effect::Persist(_))).count();
    assert!(written < 50, "not every number costs a write: {written}");
}

#[test]
fn numbers_grow_over_a_restart_with_the_clock_a_minute_back() {
    let mut mesh = Mesh::new();
    let before = mesh.admit(&Process::new(1, "cell", "x"));
    mesh.restart_master(true, MINUTE_MS);
    assert!(mesh.registry.epoch() > mesh.incarnation(before));
    let after = mesh.admit(&Process::new(2, "cell", "y"));
    assert!(mesh.incarnation(after) > mesh.incarnation(before));
    assert!(mesh.tickets[&after].serial > mesh.tickets[&before].serial);
}

#[test]
fn without_a_state_directory_numbers_grow_beyond_every_ticket_seen() {
    let mut mesh = Mesh::new();
    let before = mesh.admit(&Process::new(1, "cell", "x"));
    let mut returning = Process::new(1, "cell", "x");
    returning.ticket = mesh.tickets.get(&before).cloned();
    mesh.restart_master(false, MINUTE_MS);
    mesh.admit(&returning);
    let after = mesh.admit(&Process::new(2, "cell", "y"));
    assert!(mesh.incarnation(after) > mesh.tickets[&before].serial);
    assert!(mesh.registry.schema().1 > mesh.tickets[&before].schema_version);
}

#[test]
fn members_numbered_too_low_get_higher_numbers_once_that_shows() {
    let mut mesh = Mesh::new();
    let gone = mesh.admit(&Process::new(1, "cell", "x"));
    let peer = mesh.admit(&Process::new(2, "cell", "peer"));
    mesh.pass(Duration::from_secs(1));
    let mut returning = Process::new(2, "cell", "peer");
    returning.ticket = mesh.tickets.get(&peer).cloned();
    // The peer has seen the process that is gone, whose incarnation may be the highest.
    returning.witness = mesh.tickets.get(&gone).cloned();
    mesh.restart_master(false, MINUTE_MS);
    // The first to join replaces a variant that this master has not heard of.
    let replacement = mesh.admit(&Process::new(3, "cell", "x"));
    assert!(mesh.incarnation(replacement) < mesh.incarnation(gone));
    let back = mesh.admit(&returning);
    let renumbered = mesh.tickets[&replacement].incarnation;
    assert!(renumbered.0 > mesh.incarnation(gone), "no peer takes it for a leftover any more");
    assert_eq!(mesh.incarnation(back), mesh.incarnation(peer), "one with a ticket keeps its own");
    assert_eq!(mesh.directories[&back].members[&key("cell", "x")].incarnation, renumbered);
}

#[test]
fn a_worker_that_comes_back_with_a_valid_ticket_keeps_its_incarnation() {
    for durable in [true, false] {
        let mut mesh = Mesh::new();
        let before = mesh.admit(&Process::new(1, "cell", "x"));
        let mut process = Process::new(1, "cell", "x");
        process.ticket = mesh.tickets.get(&before).cloned();
        mesh.restart_master(durable, 0);
        let after = mesh.admit(&process);
        assert_eq!(mesh.incarnation(after), mesh.incarnation(before));
    }
}

#[test]
fn a_new_process_never_keeps_an_incarnation() {
    let mut mesh = Mesh::new();
    let before = mesh.admit(&Process::new(1, "cell", "x"));
    let mut copy = Process::new(1, "cell", "x");
    copy.id = ProcessId(99);
    copy.ticket = mesh.tickets.get(&before).cloned();
    let after = mesh.join(&copy);
    assert!(!mesh.welcomes.contains_key(&after), "the holder is asked first");
    mesh.pass(Duration::from_secs(2));
    assert!(mesh.incarnation(after) > mesh.incarnation(before));
}

#[test]
fn a_ticket_of_somebody_else_or_one_that_has_ended_keeps_nothing() {
    let mut mesh = Mesh::new();
    let before = mesh.admit(&Process::new(1, "cell", "x"));
    let ticket = mesh.tickets[&before].clone();
    mesh.restart_master(true, 0);
    let with = |id: u8, variant: &str, ticket: &Claims| Process {
        ticket: Some(ticket.clone()),
        ..Process::new(id, "cell", variant)
    };
    let stolen = mesh.admit(&with(2, "x", &ticket));
    assert_ne!(mesh.incarnation(stolen), mesh.incarnation(before));
    let other_name = mesh.admit(&with(1, "y", &ticket));
    assert_ne!(mesh.incarnation(other_name), mesh.incarnation(before));
    mesh.restart_master(true, 0);
    mesh.jump(Duration::from_secs(24 * 60 * 60 + 1));
    let ended = mesh.admit(&with(1, "x", &ticket));
    assert_ne!(mesh.incarnation(ended), mesh.incarnation(before));
}

#[test]
fn tickets_are_renewed_at_half_of_their_life_and_young_ones_are_kept() {
    let mut mesh = Mesh::new();
    let session = mesh.admit(&Process::new(1, "cell", "x"));
    let first = mesh.tickets[&session].clone();
    mesh.handle(Event::Renew(session));
    assert_eq!(mesh.tickets[&session], first);
    mesh.jump(Duration::from_secs(11 * 60 * 60));
    assert_eq!(mesh.tickets[&session], first);
    mesh.jump(Duration::from_secs(60 * 60));
    let second = mesh.tickets[&session].clone();
    assert!(second.serial > first.serial);
    assert_eq!(second.incarnation, first.incarnation);
    assert!(second.validity.not_after > mesh.now.unix_s() + 12 * 60 * 60);
}

#[test]
fn link_secrets_go_out_as_their_epoch_ends() {
    let mut mesh = Mesh::new();
    let session = mesh.admit(&Process::new(1, "cell", "x"));
    let [_, next] = mesh.welcomes[&session].link_epochs.starts();
    mesh.jump(Duration::from_secs(24 * 60 * 60));
    let pushed = mesh.log.iter().find_map(|effect| match effect {
        Effect::PushLinkSecrets { session: to, epochs } if *to == session => Some(epochs.starts()),
        _ => None,
    });
    assert_eq!(pushed.unwrap()[0], next, "who missed it still holds the present one");
}
