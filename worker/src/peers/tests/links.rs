//! Links that come, double, retire and end.

use super::*;

const T: &str = "thumbnailer/t";
const TWIN: &str = "twin/b";

/// A twin with node id 5, which knows a twin with another.
fn twin(other_node: u8) -> Fixture {
    let mut fixture = Fixture::of(me("twin/a", 5));
    fixture.view(vec![member(TWIN, 7, other_node)]);
    fixture
}

fn retired(effects: &[Effect]) -> Vec<LinkId> {
    let retire = |effect: &Effect| match effect {
        Effect::Retire { link } => Some(*link),
        _ => None,
    };
    effects.iter().filter_map(retire).collect()
}

#[test]
fn a_peer_may_link_before_the_view_tells_of_it() {
    let mut fixture = Fixture::gateway();
    let (link, effects) = fixture.accepted("auditor/a", 9, 9);
    assert_eq!(news(&effects), ["+auditor/a@9"]);
    let instance = fixture.peers.instances().next().unwrap();
    assert_eq!((instance.link, instance.member), (Some(link), None));
    assert_eq!(fixture.peers.members().count(), 0);
    // A view that does not have it yet is no reason to doubt its ticket.
    assert!(closes(&fixture.view(Vec::new())).is_empty());
    fixture.upsert(member("auditor/a", 9, 9));
    assert_eq!(fixture.kept("auditor/a"), Some(link));
    assert_eq!(fixture.peers.members().count(), 1);
}

#[test]
fn a_peer_that_only_linked_is_forgotten_with_its_link() {
    let mut fixture = Fixture::gateway();
    let (link, _) = fixture.accepted("auditor/a", 9, 9);
    assert_eq!(news(&fixture.unlinked(link, lost_end())), ["-auditor/a@9"]);
    assert!(!fixture.knows("auditor/a"));
}

/// "Both ends keep the link dialled by the smaller node id."
#[test]
fn of_simultaneous_dials_the_one_of_the_smaller_node_is_kept() {
    for (other, ours_is_kept) in [(9, true), (1, false)] {
        for ours_first in [true, false] {
            let mut fixture = twin(other);
            let (first, _) = match ours_first {
                true => fixture.dialled(TWIN, 7, other),
                false => fixture.accepted(TWIN, 7, other),
            };
            let (second, effects) = match ours_first {
                true => fixture.accepted(TWIN, 7, other),
                false => fixture.dialled(TWIN, 7, other),
            };
            let keeps_first = ours_is_kept == ours_first;
            let (kept, other_one) = if keeps_first { (first, second) } else { (second, first) };
            assert_eq!(fixture.kept(TWIN), Some(kept));
            assert_eq!(retired(&effects), [other_one]);
            assert!(closes(&effects).is_empty() && news(&effects).is_empty());
        }
    }
}

/// "No new call goes on the other; it finishes what it carries, then CLOSE(DUPLICATE)."
#[test]
fn the_dialler_closes_a_retired_link_after_its_grace_and_once_it_is_idle() {
    let mut fixture = twin(1);
    fixture.accepted(TWIN, 7, 1);
    let (ours, _) = fixture.dialled(TWIN, 7, 1);
    assert!(fixture.say(Event::Idle { link: ours }).is_empty(), "the grace is not over");
    assert_eq!(fixture.due_in(), Some(Duration::from_secs(2)));
    assert_eq!(fixture.pass(Duration::from_secs(2)), [Effect::AwaitIdle { link: ours }]);
    assert_eq!(fixture.due_in(), None);
    let effects = fixture.say(Event::Idle { link: ours });
    assert_eq!(closes(&effects), [(ours, CloseCode::Duplicate)]);
    assert_eq!(effects.len(), 1, "neither news nor a change of routes: {effects:?}");
    let end = LinkEnd::ClosedHere { code: CloseCode::Duplicate };
    assert!(fixture.unlinked(ours, end).is_empty());
}

#[test]
fn the_acceptor_leaves_the_closing_of_a_retired_link_to_the_dialler() {
    let mut fixture = twin(9);
    fixture.dialled(TWIN, 7, 9);
    let (theirs, _) = fixture.accepted(TWIN, 7, 9);
    assert!(fixture.pass(Duration::from_secs(2)).is_empty());
    assert!(fixture.say(Event::Idle { link: theirs }).is_empty());
    let effects = fixture.unlinked(theirs, peer_says(CloseCode::Duplicate));
    assert!(news(&effects).is_empty() && closes(&effects).is_empty());
}

#[test]
fn a_retired_link_comes_back_into_use_when_the_kept_one_ends() {
    let mut fixture = twin(1);
    let (theirs, _) = fixture.accepted(TWIN, 7, 1);
    let (ours, _) = fixture.dialled(TWIN, 7, 1);
    let effects = fixture.unlinked(theirs, lost_end());
    assert_eq!(effects, [Effect::RoutesChanged]);
    assert_eq!(fixture.kept(TWIN), Some(ours));
    fixture.pass(Duration::from_secs(2));
    assert!(fixture.say(Event::Idle { link: ours }).is_empty(), "in use again");
}

#[test]
fn of_two_links_from_the_same_dialler_the_newer_is_kept() {
    for by_us in [true, false] {
        let mut fixture = twin(9);
        let link = |fixture: &mut Fixture| match by_us {
            true => fixture.dialled(TWIN, 7, 9),
            false => fixture.accepted(TWIN, 7, 9),
        };
        let (older, _) = link(&mut fixture);
        let (newer, effects) = link(&mut fixture);
        assert_eq!(closes(&effects), [(older, CloseCode::Duplicate)]);
        assert!(news(&effects).is_empty());
        assert_eq!(fixture.kept(TWIN), Some(newer));
    }
}

#[test]
fn a_duplicate_that_was_the_last_link_is_news_and_dialled_again() {
    let mut fixture = twin(9);
    let (link, _) = fixture.dialled(TWIN, 7, 9);
    let effects = fixture.unlinked(link, peer_says(CloseCode::Duplicate));
    assert_eq!(news(&effects), ["-twin/b@7"]);
    assert_eq!(dials(&fixture.pass(Duration::from_millis(100))).len(), 1);
}

/// "A higher incarnation wins first."
#[test]
fn a_link_of_a_higher_incarnation_ends_the_old_ones() {
    let mut fixture = twin(1);
    let (old, _) = fixture.accepted(TWIN, 7, 1);
    let (new, effects) = fixture.accepted(TWIN, 8, 9);
    assert_eq!(closes(&effects), [(old, CloseCode::Replaced)]);
    assert_eq!(news(&effects), ["-twin/b@7", "+twin/b@8"]);
    assert_eq!(fixture.kept(TWIN), Some(new));
    assert_eq!(fixture.peers.instances().count(), 1);
    // The record of the old one says nothing of the new one.
    assert_eq!(fixture.peers.members().count(), 0);
}

#[test]
fn a_link_of_a_lower_incarnation_is_closed_at_once() {
    let mut fixture = twin(1);
    let (late, effects) = fixture.accepted(TWIN, 6, 9);
    assert_eq!(closes(&effects), [(late, CloseCode::Replaced)]);
    assert!(news(&effects).is_empty());
    assert_eq!(fixture.kept(TWIN), None);
}

#[test]
fn another_process_with_a_known_incarnation_is_denied() {
    let mut fixture = twin(1);
    let (link, _) = fixture.accepted(TWIN, 7, 1);
    let (liar, effects) = fixture.accepted(TWIN, 7, 9);
    assert_eq!(closes(&effects), [(liar, CloseCode::Denied)]);
    assert_eq!(fixture.kept(TWIN), Some(link));
}

#[test]
fn our_own_name_is_nobody_elses() {
    let mut fixture = twin(1);
    let (link, effects) = fixture.accepted("twin/a", 200, 9);
    assert_eq!(closes(&effects), [(link, CloseCode::NameTaken)]);
}

#[test]
fn a_process_that_is_only_renumbered_keeps_its_links() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    assert!(closes(&fixture.upsert(member(T, 8, 7))).is_empty());
    assert_eq!(fixture.kept(T), Some(link));
    let incarnation = Incarnation(9);
    fixture.say(Event::PeerRenewed { link, incarnation, ticket_serial: 90 });
    assert_eq!(fixture.peers.instances().next().unwrap().incarnation, incarnation);
    // Started anew with the same key: the old process is gone.
    let (new, effects) = fixture.accepted(T, 10, 7);
    assert_eq!(closes(&effects), [(link, CloseCode::Replaced)]);
    assert_eq!(fixture.kept(T), Some(new));
}

#[test]
fn a_schema_that_forbids_a_link_ends_it_and_one_that_allows_it_dials() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7), member("stranger/s", 8, 8)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    let other = "[gateway]\n_connect = [\"stranger\"]\n[stranger]\n_allow = [\"gateway\"]\n\
                 [thumbnailer]\n_allow = [\"gateway\"]\n";
    let effects = fixture.say(Event::SchemaChanged(schema(other)));
    assert_eq!(effects.first(), Some(&Effect::RoutesChanged));
    assert!(effects.contains(&Effect::Part { link }));
    assert_eq!((closes(&effects), fixture.kept(T)), (vec![], None), "what runs may finish");
    assert_eq!(dials(&effects), ["stranger/s@8"]);
    let effects = fixture.say(Event::Idle { link });
    assert_eq!(closes(&effects), [(link, CloseCode::NoLongerAllowed)]);
    assert_eq!(news(&effects), ["-thumbnailer/t@7"]);
    let (late, effects) = fixture.accepted(T, 7, 7);
    assert_eq!(closes(&effects), [(late, CloseCode::NoLongerAllowed)]);
    assert_eq!(dials(&fixture.say(Event::SchemaChanged(schema(SCHEMA)))), ["thumbnailer/t@7"]);
}

#[test]
fn a_link_that_is_no_longer_allowed_ends_when_its_grace_is_over() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    fixture.say(Event::SchemaChanged(schema("[gateway]\n[thumbnailer]\n")));
    // The master says so as well; that hurries nothing.
    assert_eq!(closes(&fixture.remove(T, 7, RemovalReason::NoLongerAllowed)), []);
    assert_eq!(fixture.due_in(), Some(GRACE));
    assert_eq!(closes(&fixture.pass(GRACE)), [(link, CloseCode::NoLongerAllowed)]);
    assert!(!fixture.knows(T));
}

/// A schema is taken back while the link that it forbade finishes its calls: the drain of a link
/// cannot be taken back, so another link is made behind it.
#[test]
fn a_link_that_is_allowed_again_is_made_anew() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    fixture.say(Event::SchemaChanged(schema("[gateway]\n[thumbnailer]\n")));
    assert_eq!(dials(&fixture.say(Event::SchemaChanged(schema(SCHEMA)))), [""; 0]);
    assert_eq!(fixture.kept(T), None, "the peer takes no call on it any more");
    let effects = fixture.say(Event::Idle { link });
    assert_eq!(closes(&effects), [(link, CloseCode::NoLongerAllowed)]);
    assert_eq!(dials(&effects), ["thumbnailer/t@7"]);
}

/// The other end was faster to learn of the schema: its drain is about the link alone.
#[test]
fn whoever_drained_a_link_by_the_schema_is_not_taken_for_leaving() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    fixture.say(Event::PeerDraining { link });
    fixture.unlinked(link, peer_says(CloseCode::NoLongerAllowed));
    assert_eq!(dials(&fixture.say(Event::SchemaChanged(schema(SCHEMA)))), ["thumbnailer/t@7"]);
}

/// "A live link whose peer showed one of them is closed."
#[test]
fn a_revoked_ticket_ends_its_link_and_comes_in_no_more() {
    let mut fixture = Fixture::gateway();
    fixture.view(vec![member(T, 7, 7)]);
    let (link, _) = fixture.dialled(T, 7, 7);
    assert!(fixture.say(Event::Revoked(vec![69])).is_empty());
    let effects = fixture.say(Event::Revoked(vec![70]));
    assert_eq!(closes(&effects), [(link, CloseCode::Revoked)]);
    assert_eq!(news(&effects), ["-thumbnailer/t@7"]);
    assert_eq!(fixture.due_in(), None);
    let (again, effects) = fixture.accepted(T, 7, 7);
    assert_eq!(closes(&effects), [(again, CloseCode::Revoked)]);
}

#[test]
fn a_fresh_ticket_counts_for_revocation() {
    let mut fixture = Fixture::gateway();
    let (link, _) = fixture.accepted(T, 7, 7);
    let incarnation = Incarnation(7);
    fixture.say(Event::PeerRenewed { link, incarnation, ticket_serial: 71 });
    // Pushed again after the fresh one, the old one must not stand in its place.
    fixture.say(Event::PeerRenewed { link, incarnation, ticket_serial: 70 });
    assert!(closes(&fixture.say(Event::Revoked(vec![70]))).is_empty());
    assert_eq!(closes(&fixture.say(Event::Revoked(vec![71]))), [(link, CloseCode::Revoked)]);
}
