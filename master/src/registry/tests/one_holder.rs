//! One variant, one holder.

use std::time::Duration;

use meshwork_shared::protocol::RemovalReason;

use super::*;

const TWO_SECONDS: Duration = Duration::from_secs(2);

#[test]
fn a_holder_that_answers_keeps_its_variant_and_the_newcomer_hears_who_and_since_when() {
    let mut mesh = Mesh::new();
    let since_unix_ms = mesh.now.unix_ms;
    let holder = mesh.admit(&Process::new(1, "cell", "x"));
    mesh.pass(Duration::from_secs(5));
    let newcomer = mesh.join(&Process::new(2, "cell", "x"));
    let (probe, asked) = mesh.probes[0];
    assert_eq!(asked, holder);
    mesh.pass(Duration::from_millis(1999));
    assert!(!mesh.refusals.contains_key(&newcomer) && !mesh.welcomes.contains_key(&newcomer));
    mesh.handle(Event::ProbeAnswered(probe));
    let refusal = mesh.refusals.remove(&newcomer).unwrap();
    assert!(refusal.is_retryable());
    let expected = Refusal::NameTaken {
        key: key("cell", "x"),
        incarnation: mesh.welcomes[&holder].claims.incarnation,
        since_unix_ms,
    };
    assert_eq!(refusal, expected);
    assert!(mesh.closed.is_empty());
}

#[test]
fn a_holder_silent_for_two_seconds_is_fenced() {
    let mut mesh = Mesh::new();
    let watcher = mesh.admit(&Process::new(9, "cell", "watcher"));
    let holder = mesh.admit(&Process::new(1, "cell", "x"));
    let newcomer = mesh.join(&Process::new(2, "cell", "x"));
    mesh.pass(TWO_SECONDS);
    assert!(mesh.incarnation(newcomer) > mesh.incarnation(holder));
    assert_eq!(mesh.closed, [(holder, CloseReason::Fenced)]);
    let removal = mesh.directories[&watcher].removals[0].clone();
    assert_eq!(removal.reason, RemovalReason::Replaced);
    assert_eq!(removal.incarnation.0, mesh.incarnation(holder));
    assert_eq!(mesh.seen(watcher), ["cell/x ready"]);
}

#[test]
fn a_probe_that_times_out_fences_at_once() {
    let mut mesh = Mesh::new();
    let holder = mesh.admit(&Process::new(1, "cell", "x"));
    let newcomer = mesh.join(&Process::new(2, "cell", "x"));
    mesh.handle(Event::ProbeTimedOut(mesh.probes[0].0));
    assert!(mesh.welcomes.contains_key(&newcomer));
    assert_eq!(mesh.closed, [(holder, CloseReason::Fenced)]);
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let mut mesh = Mesh::new();
    mesh.admit(&Process::new(1, "cell", "x"));
    let newcomer = mesh.join(&Process::new(2, "cell", "x"));
    mesh.pass(TWO_SECONDS);
    mesh.handle(Event::ProbeAnswered(mesh.probes[0].0));
    assert_eq!(mesh.member(&key("cell", "x")).unwrap().session, Some(newcomer));
}

#[test]
fn a_holder_lost_for_two_seconds_is_fenced_without_asking() {
    let mut mesh = Mesh::new();
    let holder = mesh.admit(&Process::new(1, "cell", "x"));
    mesh.lose(holder);
    mesh.pass(TWO_SECONDS);
    let newcomer = mesh.admit(&Process::new(2, "cell", "x"));
    assert!(mesh.incarnation(newcomer) > mesh.incarnation(holder));
}

#[test]
fn a_holder_just_lost_has_the_rest_of_two_seconds_to_come_back() {
    let mut mesh = Mesh::new();
    let process = Process::new(1, "cell", "x");
    let holder = mesh.admit(&process);
    mesh.lose(holder);
    mesh.pass(Duration::from_secs(1));
    let newcomer = mesh.join(&Process::new(2, "cell", "x"));
    assert!(mesh.probes.is_empty());
    let again = mesh.admit(&process);
    assert!(matches!(mesh.refusals.get(&newcomer), Some(Refusal::NameTaken { .. })));
    assert_eq!(mesh.incarnation(again), mesh.incarnation(holder));
}

#[test]
fn a_holder_that_leaves_while_asked_makes_room() {
    let mut mesh = Mesh::new();
    let holder = mesh.admit(&Process::new(1, "cell", "x"));
    let newcomer = mesh.join(&Process::new(2, "cell", "x"));
    mesh.handle(Event::Leave(holder));
    assert!(mesh.welcomes.contains_key(&newcomer));
}

#[test]
fn a_second_newcomer_does_not_wait() {
    let mut mesh = Mesh::new();
    mesh.admit(&Process::new(1, "cell", "x"));
    let first = mesh.join(&Process::new(2, "cell", "x"));
    let second = mesh.join(&Process::new(3, "cell", "x"));
    assert!(matches!(mesh.refusals.get(&second), Some(Refusal::NameTaken { .. })));
    assert!(!mesh.refusals.contains_key(&first));
    assert_eq!(mesh.probes.len(), 1);
}

#[test]
fn a_newcomer_that_goes_away_waits_no_longer() {
    let mut mesh = Mesh::new();
    let holder = mesh.admit(&Process::new(1, "cell", "x"));
    let newcomer = mesh.join(&Process::new(2, "cell", "x"));
    mesh.lose(newcomer);
    mesh.pass(TWO_SECONDS * 2);
    assert_eq!(mesh.member(&key("cell", "x")).unwrap().session, Some(holder));
    assert!(mesh.closed.is_empty());
}

#[test]
fn the_same_process_over_a_newer_link_takes_over_from_itself() {
    let mut mesh = Mesh::new();
    let process = Process::new(1, "cell", "x");
    let first = mesh.admit(&process);
    let second = mesh.admit(&process);
    assert_eq!(mesh.closed, [(first, CloseReason::Duplicate)]);
    assert_eq!(mesh.incarnation(first), mesh.incarnation(second));
    let member = mesh.member(&key("cell", "x")).unwrap();
    assert_eq!((member.session, member.member.status), (Some(second), Status::Ready));
}

#[test]
fn a_node_key_used_by_a_live_process_is_refused_under_another_name() {
    let mut mesh = Mesh::new();
    mesh.admit(&Process::new(1, "cell", "x"));
    let mut copy = Process::new(1, "cell", "y");
    copy.id = ProcessId(99);
    let session = mesh.join(&copy);
    mesh.handle(Event::ProbeAnswered(mesh.probes[0].0));
    let expected = Refusal::KeyInUse { key: key("cell", "x") };
    assert_eq!(mesh.refusals.remove(&session), Some(expected));
}

#[test]
fn a_process_restarted_with_its_key_under_another_variant_replaces_its_old_self() {
    let mut mesh = Mesh::new();
    let old = mesh.admit(&Process::new(1, "cell", "x"));
    let mut restarted = Process::new(1, "cell", "y");
    restarted.id = ProcessId(99);
    let session = mesh.join(&restarted);
    mesh.pass(TWO_SECONDS);
    assert!(mesh.welcomes.contains_key(&session));
    assert_eq!(mesh.closed, [(old, CloseReason::Fenced)]);
    assert!(mesh.member(&key("cell", "x")).is_none());
}

#[test]
fn a_stale_ticket_of_a_replaced_process_does_not_win_its_variant_back() {
    let mut mesh = Mesh::new();
    let old = mesh.admit(&Process::new(1, "cell", "x"));
    let new = mesh.join(&Process::new(2, "cell", "x"));
    mesh.pass(TWO_SECONDS);
    let mut stale = Process::new(1, "cell", "x");
    stale.ticket = mesh.tickets.get(&old).cloned();
    let session = mesh.join(&stale);
    let (probe, asked) = mesh.probes[1];
    assert_eq!(asked, new);
    mesh.handle(Event::ProbeAnswered(probe));
    assert!(matches!(mesh.refusals.get(&session), Some(Refusal::NameTaken { .. })));
}

#[test]
fn a_ticket_with_a_higher_incarnation_outranks_one_with_a_lower() {
    let mut mesh = Mesh::new();
    let mut stale = Process::new(1, "cell", "x");
    let old = mesh.admit(&stale);
    let mut replacement = Process::new(2, "cell", "x");
    let new = mesh.join(&replacement);
    mesh.pass(TWO_SECONDS);
    stale.ticket = mesh.tickets.get(&old).cloned();
    replacement.ticket = mesh.tickets.get(&new).cloned();
    // A master without memory meets the one that was replaced first.
    mesh.restart_master(false, 0);
    let old = mesh.admit(&stale);
    let new = mesh.admit(&replacement);
    assert_eq!(mesh.closed.last(), Some(&(old, CloseReason::Fenced)));
    assert_eq!(mesh.member(&key("cell", "x")).unwrap().session, Some(new));
}

#[test]
fn who_was_admitted_in_ignorance_of_an_older_holder_and_answers_is_the_holder() {
    let mut mesh = Mesh::new();
    let old = mesh.admit(&Process::new(1, "cell", "x"));
    let ticket = mesh.tickets.get(&old).cloned();
    mesh.restart_master(false, 60_000);
    let newcomer = mesh.admit(&Process::new(2, "cell", "x"));
    assert!(mesh.incarnation(newcomer) < mesh.incarnation(old));
    let returned = mesh.join(&Process { ticket, ..Process::new(1, "cell", "x") });
    assert!(mesh.tickets[&newcomer].incarnation.0 > mesh.incarnation(old), "for its peers' sake");
    mesh.handle(Event::ProbeAnswered(mesh.probes[0].0));
    assert!(matches!(mesh.refusals.get(&returned), Some(Refusal::NameTaken { .. })));
    assert_eq!(mesh.member(&key("cell", "x")).unwrap().session, Some(newcomer));
}
