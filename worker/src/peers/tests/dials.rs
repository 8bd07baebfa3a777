//! Who is dialled, and when.

use super::*;

const T: &str = "thumbnailer/t";

#[test]
fn a_member_that_the_schema_names_is_dialled_at_once() {
    let mut fixture = Fixture::gateway();
    let effects = fixture.view(vec![
        member("auditor/a", 9, 9),
        member("stranger/s", 8, 8),
        member(T, 7, 7),
        member("gateway/g", 1, 6),
    ]);
    assert_eq!(dials(&effects), ["thumbnailer/t@7"]);
    let dial = effects.iter().find(|effect| matches!(effect, Effect::Dial { .. }));
    let Some(Effect::Dial { node: expected, addresses, attempt, .. }) = dial else { panic!() };
    assert_eq!((*expected, addresses.len(), *attempt), (node(7), 1, 1));
}

#[test]
fn only_members_that_are_joining_or_ready_and_have_an_address_are_dialled() {
    for (status, dialled) in
        [(Status::Joining, true), (Status::Ready, true), (Status::Draining, false)]
    {
        let effects = Fixture::gateway().view(vec![Member { status, ..member(T, 7, 7) }]);
        assert_eq!(dials(&effects).len(), usize::from(dialled), "{status}");
    }
    let nowhere = Member { addresses: Vec::new(), ..member(T, 7, 7) };
    assert!(dials(&Fixture::gateway().view(vec![nowhere])).is_empty());
}

#[test]
fn there_is_one_dial_at_a_time_and_none_while_there_is_a_link() {
    let mut fixture = Fixture::gateway();
    assert_eq!(dials(&fixture.view(vec![member(T, 7, 7)])).len(), 1);
    assert!(dials(&fixture.view(vec![member(T, 7, 7)])).is_empty());
    assert!(dials(&fixture.pass(Duration::from_secs(60))).is_empty());
    fixture.accepted(T, 7, 7);
    fixture.dial_failed(T, None);
    assert!(dials(&fixture.pass(Duration::from_secs(60))).is_empty());
}

#[test]
fn a_failed_dial_is_repeated_with_growing_waits() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    for ceiling_ms in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
        assert!(dials(&fixture.dial_failed(T, None)).is_empty());
        let (wait, ceiling) = (fixture.due_in().unwrap(), Duration::from_millis(ceiling_ms));
        assert!(wait >= ceiling / 2 && wait <= ceiling, "{wait:?} of {ceiling:?}");
        assert!(dials(&fixture.pass(wait - Duration::from_millis(1))).is_empty());
        assert_eq!(dials(&fixture.pass(Duration::from_millis(1))).len(), 1);
    }
}

#[test]
fn a_lost_link_is_dialled_again_and_one_that_lasted_resets_the_waits() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    for _ in 0..6 {
        fixture.dial_failed(T, None);
        fixture.pass(Duration::from_secs(10));
    }
    let (link, _) = fixture.dialled(T, 7, 7);
    fixture.pass(Duration::from_secs(1));
    fixture.unlinked(link, lost_end());
    assert!(fixture.due_in().unwrap() <= Duration::from_millis(100));
    let effects = fixture.pass(Duration::from_millis(100));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Dial { attempt: 1, .. })));
}

#[test]
fn a_link_that_is_dropped_right_away_does_not_reset_the_waits() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    for _ in 0..8 {
        let (link, _) = fixture.dialled(T, 7, 7);
        fixture.unlinked(link, lost_end());
        let wait = fixture.due_in().unwrap();
        fixture.pass(wait);
    }
    let (link, _) = fixture.dialled(T, 7, 7);
    fixture.unlinked(link, lost_end());
    assert!(fixture.due_in().unwrap() >= Duration::from_secs(5));
}

#[test]
fn whoever_says_that_it_leaves_is_not_dialled_again() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    fixture.unlinked(link, peer_says(CloseCode::Leaving));
    fixture.say(Event::Admitted { incarnation: Incarnation(101), lease: LEASE });
    assert_eq!(fixture.due_in(), None);
    // Its next life is.
    assert_eq!(dials(&fixture.upsert(member(T, 8, 8))), ["thumbnailer/t@8"]);
}

#[test]
fn whoever_calls_us_outdated_is_dialled_only_with_another_incarnation() {
    for code in [CloseCode::Replaced, CloseCode::Revoked] {
        let mut fixture = Fixture::gateway();
        fixture.view(vec![member(T, 7, 7)]);
        let (link, _) = fixture.dialled(T, 7, 7);
        fixture.unlinked(link, peer_says(code));
        assert_eq!(fixture.due_in(), None, "{code}");
        fixture.say(Event::Admitted { incarnation: Incarnation(101), lease: LEASE });
        assert_eq!(dials(&fixture.pass(Duration::from_secs(1))), ["thumbnailer/t@7"], "{code}");
    }
}

#[test]
fn being_called_outdated_by_the_old_number_does_not_stop_the_new_one() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let admitted = Event::Admitted { incarnation: Incarnation(101), lease: LEASE };
    // The dial showed the old number, whatever holds when it is done.
    fixture.say(admitted.clone());
    let (link, _) = fixture.dialled(T, 7, 7);
    fixture.unlinked(link, peer_says(CloseCode::Replaced));
    assert_eq!(dials(&fixture.pass(Duration::from_secs(1))).len(), 1);
    fixture.say(Event::Admitted { incarnation: Incarnation(102), lease: LEASE });
    fixture.dial_failed(T, Some(CloseCode::Replaced));
    assert_eq!(dials(&fixture.pass(Duration::from_secs(1))).len(), 1);
}

#[test]
fn whoever_denies_us_is_dialled_again_slowly() {
    for code in [CloseCode::Denied, CloseCode::NoLongerAllowed] {
        let mut fixture = Fixture::gateway();
        fixture.view(vec![member(T, 7, 7)]);
        let (link, _) = fixture.dialled(T, 7, 7);
        fixture.unlinked(link, peer_says(code));
        assert!(fixture.due_in().unwrap() >= Duration::from_millis(2500), "{code}");
        fixture.pass(Duration::from_secs(5));
        fixture.dial_failed(T, Some(code));
        assert!(fixture.due_in().unwrap() >= Duration::from_secs(5), "{code}");
        // A new schema may be what was missing.
        let effects = fixture.say(Event::SchemaChanged(schema(SCHEMA)));
        assert_eq!(dials(&effects).len(), 1, "{code}");
    }
}

#[test]
fn a_lost_member_is_dialled_for_a_lease_and_again_when_it_is_back() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    fixture.upsert(Member { status: Status::Lost, ..member(T, 7, 7) });
    fixture.pass(LEASE / 2);
    // Being told again does not start the lease anew.
    fixture.view(vec![Member { status: Status::Lost, ..member(T, 7, 7) }]);
    fixture.unlinked(link, lost_end());
    assert_eq!(dials(&fixture.pass(Duration::from_millis(100))).len(), 1);
    fixture.pass(LEASE / 2);
    fixture.dial_failed(T, None);
    assert_eq!(fixture.due_in(), None);
    assert_eq!(dials(&fixture.upsert(member(T, 7, 7))).len(), 1);
}

#[test]
fn a_member_that_is_gone_or_drains_is_not_dialled_again() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    fixture.say(Event::PeerDraining { link });
    assert!(fixture.peers.instances().all(|instance| instance.draining));
    fixture.unlinked(link, lost_end());
    assert_eq!(fixture.due_in(), None);

    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    fixture.dial_failed(T, None);
    fixture.remove(T, 7, RemovalReason::Left);
    assert_eq!(fixture.due_in(), None);
}

#[test]
fn whoever_drains_dials_nobody() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    fixture.dial_failed(T, None);
    fixture.say(Event::Drain);
    assert_eq!(fixture.due_in(), None);
    assert!(dials(&fixture.upsert(member("thumbnailer/u", 8, 8))).is_empty());
}

#[test]
fn dials_go_on_while_the_master_is_away() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    assert!(fixture.say(Event::MasterLost).is_empty());
    fixture.pass(Duration::from_secs(12 * 3600));
    fixture.unlinked(link, lost_end());
    assert_eq!(dials(&fixture.pass(Duration::from_millis(100))).len(), 1);
}

#[test]
fn a_changed_address_is_dialled_at_once() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    for _ in 0..8 {
        fixture.dial_failed(T, None);
        fixture.pass(Duration::from_secs(10));
    }
    fixture.dial_failed(T, None);
    let moved = Member { addresses: vec!["10.0.0.8:1".parse().unwrap()], ..member(T, 7, 7) };
    assert_eq!(dials(&fixture.upsert(moved)).len(), 1);
}

#[test]
fn dials_under_way_are_bounded_and_the_others_follow() {
    let mut fixture = Fixture::gateway();
    let names: Vec<_> = (0..100).map(|n| format!("thumbnailer/t{n:03}")).collect();
    let members = names.iter().map(|name| member(name, 7, 7)).collect();
    assert_eq!(dials(&fixture.view(members)).len(), 64);
    assert_eq!(fixture.due_in(), None);
    assert_eq!(dials(&fixture.dial_failed(&names[0], None)), ["thumbnailer/t064@7"]);
    assert_eq!(dials(&fixture.dialled(&names[1], 7, 7).1), ["thumbnailer/t065@7"]);
}
