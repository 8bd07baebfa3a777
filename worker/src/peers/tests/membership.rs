//! What the master says.

use super::*;

const T: &str = "thumbnailer/t";

/// A gateway that is linked to a thumbnailer.
fn linked() -> (Fixture, LinkId) {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    (fixture, link)
}

/// "Its opinion never closes a working link."
#[test]
fn lost_and_expired_keep_the_link() {
    let (mut fixture, link) = linked();
    let effects = fixture.upsert(Member { status: Status::Lost, ..member(T, 7, 7) });
    assert_eq!(effects, [Effect::RoutesChanged]);
    assert!(fixture.remove(T, 7, RemovalReason::Expired).is_empty());
    assert_eq!(fixture.kept(T), Some(link));
    // Forgotten with its link.
    assert_eq!(news(&fixture.unlinked(link, lost_end())), ["-thumbnailer/t@7"]);
    assert!(!fixture.knows(T));
    assert_eq!(fixture.due_in(), None);
}

#[test]
fn an_expired_member_without_a_link_is_forgotten_and_may_come_back() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    assert_eq!(fixture.remove(T, 7, RemovalReason::Expired), [Effect::RoutesChanged]);
    assert!(!fixture.knows(T));
    let (_, effects) = fixture.accepted(T, 7, 7);
    assert_eq!(news(&effects), ["+thumbnailer/t@7"]);
}

/// "Only `left`, `replaced` by a higher incarnation or `revoked` close a link."
#[test]
fn what_was_said_closes_the_link() {
    for (reason, code) in [
        (RemovalReason::Left, CloseCode::Leaving),
        (RemovalReason::Replaced, CloseCode::Replaced),
        (RemovalReason::Revoked, CloseCode::Revoked),
    ] {
        let (mut fixture, link) = linked();
        let effects = fixture.remove(T, 7, reason);
        assert_eq!(closes(&effects), [(link, code)]);
        assert_eq!(effects.first(), Some(&Effect::RoutesChanged));
        assert_eq!(news(&effects), ["-thumbnailer/t@7"]);
        assert!(!fixture.knows(T));
        // A handshake that was faster than the news does not bring it back.
        let (late, effects) = fixture.accepted(T, 7, 7);
        assert_eq!(closes(&effects), [(late, code)]);
        // Its next life is welcome.
        assert_eq!(news(&fixture.accepted(T, 8, 8).1).last().unwrap(), "+thumbnailer/t@8");
    }
}

#[test]
fn a_removal_concerns_that_incarnation_and_those_before_it() {
    let (mut fixture, link) = linked();
    assert!(closes(&fixture.remove(T, 6, RemovalReason::Replaced)).is_empty());
    assert_eq!(fixture.kept(T), Some(link));
    assert_eq!(closes(&fixture.remove(T, 9, RemovalReason::Left)).len(), 1);
    assert!(dials(&fixture.upsert(member(T, 8, 8))).is_empty());
    assert!(!fixture.knows(T));
}

#[test]
fn a_higher_incarnation_in_the_view_replaces_the_one_before() {
    let (mut fixture, link) = linked();
    let effects = fixture.upsert(member(T, 8, 8));
    assert_eq!(closes(&effects), [(link, CloseCode::Replaced)]);
    assert_eq!(news(&effects), ["-thumbnailer/t@7"]);
    assert_eq!(dials(&effects), ["thumbnailer/t@8"]);
    // The dial of the old one is still under way somewhere; what comes of it is refused.
    let (late, effects) = fixture.dialled(T, 7, 7);
    assert_eq!(closes(&effects), [(late, CloseCode::Replaced)]);
    // A master that is behind does not bring the old one back.
    assert!(fixture.upsert(member(T, 7, 7)).is_empty());
    assert_eq!(fixture.peers.instances().next().unwrap().incarnation, Incarnation(8));
}

/// "A view of a new epoch adds and updates, but removes nothing until the rebuild window is over."
#[test]
fn an_unsettled_view_of_a_new_epoch_removes_nothing() {
    let (mut fixture, link) = linked();
    fixture.upsert(member("thumbnailer/u", 8, 8));
    let effects = fixture.view_of(2, false, vec![member("thumbnailer/v", 9, 9)], Vec::new());
    assert!(closes(&effects).is_empty(), "stale_view_removes: {effects:?}");
    assert_eq!(dials(&effects), ["thumbnailer/v@9"]);
    assert_eq!(fixture.kept(T), Some(link));
    assert!(fixture.knows("thumbnailer/u"));
}

#[test]
fn whom_a_settled_view_does_not_name_counts_as_expired() {
    let (mut fixture, link) = linked();
    fixture.upsert(member("thumbnailer/u", 8, 8));
    fixture.view_of(2, false, Vec::new(), Vec::new());
    let effects = fixture.view_of(2, true, Vec::new(), Vec::new());
    assert!(closes(&effects).is_empty());
    assert_eq!(fixture.kept(T), Some(link));
    assert!(!fixture.knows("thumbnailer/u"));
    fixture.unlinked(link, lost_end());
    assert!(!fixture.knows(T));
}

#[test]
fn a_view_repeats_the_reasons_of_removals() {
    let (mut fixture, link) = linked();
    let removal = |incarnation| Removal {
        key: key(T),
        incarnation: Incarnation(incarnation),
        reason: RemovalReason::Left,
    };
    let effects = fixture.view_of(2, false, vec![member(T, 8, 8)], vec![removal(7)]);
    assert_eq!(closes(&effects), [(link, CloseCode::Leaving)]);
    assert_eq!(dials(&effects), ["thumbnailer/t@8"]);
    assert!(closes(&fixture.view_of(2, true, vec![member(T, 8, 8)], vec![removal(7)])).is_empty());
    assert!(fixture.knows(T));
}

#[test]
fn a_gap_in_the_deltas_asks_once_for_a_view() {
    let delta = |epoch, from| {
        let changes = vec![Change::Upsert(Arc::new(member(T, 7, 7)))];
        Event::Delta(Delta { epoch, from, to: from + 1, changes })
    };
    let mut fixture = Fixture::gateway();
    assert_eq!(fixture.say(delta(EPOCH, 0)), [Effect::Resync], "no view yet");
    fixture.view(Vec::new());
    assert_eq!(fixture.say(delta(EPOCH, 5)), [Effect::Resync]);
    assert!(fixture.say(delta(EPOCH, 6)).is_empty(), "asked already");
    fixture.view(Vec::new());
    assert_eq!(fixture.say(delta(2, 2)), [Effect::Resync], "another epoch");
    fixture.say(Event::MasterLost);
    assert!(fixture.say(delta(EPOCH, 2)).is_empty(), "nobody to ask");
    fixture.say(Event::MasterBack);
    fixture.view(Vec::new());
    assert_eq!(dials(&fixture.say(delta(EPOCH, 3))).len(), 1);
}

#[test]
fn the_master_coming_and_going_closes_nothing() {
    let (mut fixture, link) = linked();
    assert!(fixture.say(Event::MasterLost).is_empty());
    assert!(fixture.say(Event::MasterBack).is_empty());
    assert_eq!(fixture.kept(T), Some(link));
}

#[test]
fn the_master_naming_an_incarnation_again_brings_it_back() {
    for reason in [RemovalReason::NoLongerAllowed, RemovalReason::Expired] {
        let (mut fixture, link) = linked();
        assert_eq!(closes(&fixture.remove(T, 7, reason)), [], "{reason:?}: its link is good");
        fixture.unlinked(link, lost_end());
        assert!(!fixture.knows(T));
        assert_eq!(dials(&fixture.upsert(member(T, 7, 7))), ["thumbnailer/t@7"]);
    }
}

#[test]
fn members_and_instances_come_in_order() {
    let mut fixture = Fixture::gateway();
    let names = ["thumbnailer/b", "auditor/z", "thumbnailer/a"];
    fixture.view(names.iter().map(|name| member(name, 7, 7)).collect());
    let order: Vec<_> = fixture.peers.instances().map(|i| i.key.to_string()).collect();
    assert_eq!(order, ["auditor/z", "thumbnailer/a", "thumbnailer/b"]);
    let order: Vec<_> = fixture.peers.members().map(|m| m.key.to_string()).collect();
    assert_eq!(order, ["auditor/z", "thumbnailer/a", "thumbnailer/b"]);
}

#[test]
fn peers_are_bounded() {
    let mut fixture = Fixture::gateway();
    let all = limits::PEERS_MAX;
    fixture.view((0..all).map(|n| member(&format!("auditor/a{n}"), 7, 7)).collect());
    fixture.upsert(member(T, 7, 7));
    assert!(!fixture.knows(T));
    let (link, effects) = fixture.accepted(T, 7, 7);
    assert_eq!(closes(&effects), [(link, CloseCode::NotReady)]);
}
