//! Whatever comes, in whatever order: no panic, and the invariants hold.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 5] = ["gateway/g", "thumbnailer/t", "thumbnailer/u", "auditor/a", "stranger/s"];
const CODES: [CloseCode; 13] = [
    CloseCode::Leaving,
    CloseCode::Denied,
    CloseCode::Duplicate,
    CloseCode::Exhausted,
    CloseCode::Protocol,
    CloseCode::Stalled,
    CloseCode::Silent,
    CloseCode::Replaced,
    CloseCode::Revoked,
    CloseCode::NameTaken,
    CloseCode::WrongTarget,
    CloseCode::NoLongerAllowed,
    CloseCode::NotReady,
];

fn any_member() -> impl Strategy<Value = Member> {
    let status = prop::sample::select(vec![
        Status::Joining,
        Status::Ready,
        Status::Ready,
        Status::Draining,
        Status::Lost,
    ]);
    (prop::sample::select(NAMES.to_vec()), 1..5_u64, 1..4_u8, status).prop_map(
        |(name, incarnation, byte, status)| Member { status, ..member(name, incarnation, byte) },
    )
}

fn any_removal() -> impl Strategy<Value = Removal> {
    let reason = prop::sample::select(vec![
        RemovalReason::Left,
        RemovalReason::Replaced,
        RemovalReason::Revoked,
        RemovalReason::NoLongerAllowed,
        RemovalReason::Expired,
    ]);
    (prop::sample::select(NAMES.to_vec()), 1..5_u64, reason).prop_map(
        |(name, incarnation, reason)| Removal {
            key: key(name),
            incarnation: Incarnation(incarnation),
            reason,
        },
    )
}

fn any_end() -> impl Strategy<Value = LinkEnd> {
    let code = prop::sample::select(CODES.to_vec());
    prop_oneof![
        Just(lost_end()),
        code.clone().prop_map(peer_says),
        code.prop_map(|code| LinkEnd::ClosedHere { code }),
        Just(LinkEnd::ClosedByPeer { code: None, text: "\u{1b}[31m".to_owned() }),
    ]
}

fn any_view() -> impl Strategy<Value = Event> {
    let members = prop::collection::vec(any_member().prop_map(Arc::new), 0..5);
    let removed = prop::collection::vec(any_removal(), 0..3);
    (1..3_u64, 1..4_u64, any::<bool>(), members, removed).prop_map(
        |(epoch, number, settled, members, removed)| {
            Event::View(View { epoch, number, settled, more: false, members, removed })
        },
    )
}

fn any_delta() -> impl Strategy<Value = Event> {
    let change = prop_oneof![
        any_member().prop_map(|member| Change::Upsert(Arc::new(member))),
        any_removal().prop_map(Change::Remove),
    ];
    let changes = prop::collection::vec(change, 0..4);
    (1..3_u64, 1..4_u64, 1..4_u64, changes)
        .prop_map(|(epoch, from, to, changes)| Event::Delta(Delta { epoch, from, to, changes }))
}

fn any_link() -> impl Strategy<Value = Event> {
    let dialled = prop::option::of((1..5_u64).prop_map(Incarnation));
    let name = prop::sample::select(NAMES.to_vec());
    (name, 1..5_u64, 1..4_u8, dialled).prop_map(|(name, incarnation, byte, dialled)| {
        Event::Linked(NewLink { dialled, ..inbound(name, incarnation, byte) })
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let link = || (1..20_u64).prop_map(LinkId);
    let name = prop::sample::select(NAMES.to_vec());
    let code = prop::option::of(prop::sample::select(CODES.to_vec()));
    prop_oneof![
        3 => any_view(),
        3 => any_delta(),
        6 => any_link(),
        4 => (link(), any_end()).prop_map(|(link, end)| Event::Unlinked { link, end }),
        2 => (name, 1..5_u64, code).prop_map(|(name, incarnation, code)| Event::DialFailed {
            key: key(name),
            incarnation: Incarnation(incarnation),
            code,
        }),
        1 => link().prop_map(|link| Event::PeerDraining { link }),
        1 => (link(), 1..6_u64).prop_map(|(link, number)| Event::PeerRenewed {
            link,
            incarnation: Incarnation(number),
            ticket_serial: number * 10,
        }),
        1 => link().prop_map(|link| Event::Idle { link }),
        1 => any::<bool>().prop_map(|all| {
            Event::SchemaChanged(schema(if all { SCHEMA } else { "[gateway]\n[stranger]\n" }))
        }),
        1 => prop::collection::vec(10..60_u64, 0..2).prop_map(Event::Revoked),
        1 => (99..102_u64).prop_map(|number| Event::Admitted {
            incarnation: Incarnation(number),
            lease: LEASE,
        }),
        1 => prop_oneof![Just(Event::MasterLost), Just(Event::MasterBack), Just(Event::Drain)],
        2 => Just(Event::Tick),
    ]
}

/// What follows from events and effects alone.
#[derive(Default)]
struct Model {
    live: BTreeMap<LinkId, MemberKey>,
    links: u64,
    connected: BTreeSet<MemberKey>,
    dials: BTreeSet<(MemberKey, Incarnation)>,
    /// Links that are about to end.
    parting: BTreeSet<LinkId>,
}

impl Model {
    /// Takes note of an event; numbers a link, which no shell does twice.
    fn before(&mut self, event: &mut Event) {
        match event {
            Event::Linked(new) => {
                self.links += 1;
                new.link = LinkId(self.links);
                if let Some(dialled) = new.dialled {
                    self.dials.remove(&(new.key.clone(), dialled));
                }
                self.live.insert(new.link, new.key.clone());
            }
            Event::Unlinked { link, .. } => {
                self.live.remove(link);
            }
            Event::DialFailed { key, incarnation, .. } => {
                self.dials.remove(&(key.clone(), *incarnation));
            }
            _ => {}
        }
    }

    fn after(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Close { link, .. } => {
                    assert!(self.live.remove(link).is_some(), "{link} is closed once");
                }
                Effect::Retire { link } | Effect::AwaitIdle { link } => {
                    assert!(self.live.contains_key(link));
                }
                Effect::Part { link } => {
                    assert!(self.live.contains_key(link));
                    assert!(self.parting.insert(*link), "{link} parts once");
                }
                Effect::Dial { key, incarnation, .. } => {
                    assert!(!self.connected.contains(key), "{key} is linked");
                    assert!(self.dials.insert((key.clone(), *incarnation)), "{key} is dialled");
                }
                Effect::PeerConnected { key, .. } => assert!(self.connected.insert(key.clone())),
                Effect::PeerDisconnected { key, .. } => assert!(self.connected.remove(key)),
                Effect::RoutesChanged | Effect::Resync => {}
            }
        }
    }

    fn check(&self, peers: &Peers) {
        let mut keys = BTreeSet::new();
        for instance in peers.instances() {
            assert!(keys.insert(instance.key), "one instance of a variant");
            let mut links = self.live.iter().filter(|(_, key)| *key == instance.key);
            let in_use = links.any(|(link, _)| !self.parting.contains(link));
            assert_eq!(instance.link.is_some(), in_use);
            assert!(!in_use || self.connected.contains(instance.key));
            assert!(instance.link.is_none_or(|link| !self.parting.contains(&link)));
            if let Some(link) = instance.link {
                assert_eq!(self.live.get(&link), Some(instance.key), "{link} lives");
            }
            let of_it = self.live.values().filter(|key| *key == instance.key).count();
            assert!(of_it <= 2, "one from each end at most");
        }
        assert!(self.live.values().all(|key| keys.contains(key)), "no link without a peer");
        assert!(self.connected.iter().all(|key| keys.contains(key)));
    }
}

/// Everything that routes are built from.
fn routes(peers: &Peers) -> Vec<String> {
    peers.instances().map(|instance| format!("{instance:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn invariants_hold_whatever_comes(
        events in prop::collection::vec((any_event(), 0..4000_u64), 0..80),
    ) {
        let mut fixture = Fixture::gateway();
        let mut model = Model::default();
        for (mut event, pause_ms) in events {
            fixture.now += Duration::from_millis(pause_ms);
            model.before(&mut event);
            let before = routes(&fixture.peers);
            let effects = fixture.say(event);
            model.after(&effects);
            model.check(&fixture.peers);
            prop_assert!(fixture.due_in().is_none_or(|due| due > Duration::ZERO), "no idle spin");
            let told = effects.first() == Some(&Effect::RoutesChanged);
            prop_assert!(told || before == routes(&fixture.peers), "routes change silently");
        }
    }
}
