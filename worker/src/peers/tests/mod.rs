//! One test per rule, then both ends of a link together, then whatever comes.

mod anything;
mod both_ends;
mod dials;
mod links;
mod membership;

use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::{Schema, Variant, WorkerName};
use meshwork_shared::ids::{Incarnation, NodeId};
use meshwork_shared::link::close::{CloseCode, LinkEnd};
use meshwork_shared::protocol::{
    Change, Delta, Member, MemberKey, Removal, RemovalReason, Status, View,
};
use meshwork_shared::random::Random;
use tokio::time::Instant;

use super::*;

const LEASE: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(20);
const EPOCH: u64 = 1;

/// A gateway dials thumbnailers; twins dial each other; an auditor dials gateways.
const SCHEMA: &str = r#"
    [gateway]
    _connect = ["thumbnailer"]
    _allow = ["auditor"]
    [thumbnailer]
    _allow = ["gateway"]
    [auditor]
    _connect = ["gateway"]
    [twin]
    _allow = ["twin"]
    _connect = ["twin"]
    [stranger]
"#;

fn schema(text: &str) -> Arc<Schema> {
    Arc::new(Schema::from_toml(text).unwrap())
}

/// `worker/variant` as a key.
fn key(text: &str) -> MemberKey {
    let (worker, variant) = text.split_once('/').unwrap();
    MemberKey { worker: WorkerName::new(worker).unwrap(), variant: Variant::new(variant).unwrap() }
}

fn node(byte: u8) -> NodeId {
    NodeId([byte; 32])
}

fn me(name: &str, node_byte: u8) -> Me {
    Me { key: key(name), incarnation: Incarnation(100), node: node(node_byte) }
}

fn member(name: &str, incarnation: u64, node_byte: u8) -> Member {
    Member {
        key: key(name),
        incarnation: Incarnation(incarnation),
        node: node(node_byte),
        addresses: vec!["10.0.0.7:4000".parse().unwrap()],
        schema: 1,
        commands: Vec::new(),
        status: Status::Ready,
    }
}

fn lost_end() -> LinkEnd {
    LinkEnd::Lost { cause: "connection reset".to_owned() }
}

fn peer_says(code: CloseCode) -> LinkEnd {
    LinkEnd::ClosedByPeer { code: Some(code), text: String::new() }
}

/// The peers of one process and the time they are told.
struct Fixture {
    peers: Peers,
    now: Instant,
    /// Number of the view.
    number: u64,
    next_link: u64,
}

impl Fixture {
    /// A gateway with node id 5.
    fn gateway() -> Self {
        Self::of(me("gateway/g", 5))
    }

    fn of(me: Me) -> Self {
        let peers = Peers::new(me, schema(SCHEMA), LEASE, GRACE, Random::seeded(1));
        Self { peers, now: Instant::now(), number: 0, next_link: 1 }
    }

    fn say(&mut self, event: Event) -> Vec<Effect> {
        self.peers.handle(event, self.now)
    }

    fn pass(&mut self, time: Duration) -> Vec<Effect> {
        self.now += time;
        self.say(Event::Tick)
    }

    fn view_of(
        &mut self,
        epoch: u64,
        settled: bool,
        members: Vec<Member>,
        removed: Vec<Removal>,
    ) -> Vec<Effect> {
        self.number += 1;
        let members = members.into_iter().map(Arc::new).collect();
        let number = self.number;
        self.say(Event::View(View { epoch, number, settled, more: false, members, removed }))
    }

    /// A settled view of the usual epoch.
    fn view(&mut self, members: Vec<Member>) -> Vec<Effect> {
        self.view_of(EPOCH, true, members, Vec::new())
    }

    fn change(&mut self, change: Change) -> Vec<Effect> {
        let from = self.number;
        self.number += 1;
        self.say(Event::Delta(Delta { epoch: EPOCH, from, to: from + 1, changes: vec![change] }))
    }

    fn upsert(&mut self, member: Member) -> Vec<Effect> {
        self.change(Change::Upsert(Arc::new(member)))
    }

    fn remove(&mut self, name: &str, incarnation: u64, reason: RemovalReason) -> Vec<Effect> {
        let incarnation = Incarnation(incarnation);
        self.change(Change::Remove(Removal { key: key(name), incarnation, reason }))
    }

    fn link_of(&mut self, mut new: NewLink) -> (LinkId, Vec<Effect>) {
        new.link = LinkId(self.next_link);
        self.next_link += 1;
        (new.link, self.say(Event::Linked(new)))
    }

    /// A link that we dialled.
    fn dialled(&mut self, name: &str, incarnation: u64, node_byte: u8) -> (LinkId, Vec<Effect>) {
        let dialled = Some(Incarnation(incarnation));
        self.link_of(NewLink { dialled, ..inbound(name, incarnation, node_byte) })
    }

    /// A link that the peer dialled.
    fn accepted(&mut self, name: &str, incarnation: u64, node_byte: u8) -> (LinkId, Vec<Effect>) {
        self.link_of(inbound(name, incarnation, node_byte))
    }

    fn unlinked(&mut self, link: LinkId, end: LinkEnd) -> Vec<Effect> {
        self.say(Event::Unlinked { link, end })
    }

    fn dial_failed(&mut self, name: &str, code: Option<CloseCode>) -> Vec<Effect> {
        let key = key(name);
        let dials = self.peers.instances().find(|instance| *instance.key == key);
        let incarnation = dials.unwrap().incarnation;
        self.say(Event::DialFailed { key, incarnation, code })
    }

    /// The link that calls to this variant go on.
    fn kept(&self, name: &str) -> Option<LinkId> {
        self.peers.instances().find(|instance| *instance.key == key(name))?.link
    }

    fn knows(&self, name: &str) -> bool {
        self.peers.instances().any(|instance| *instance.key == key(name))
    }

    /// Time until something is due.
    fn due_in(&self) -> Option<Duration> {
        self.peers.next_due().map(|due| due - self.now)
    }
}

fn inbound(name: &str, incarnation: u64, node_byte: u8) -> NewLink {
    NewLink {
        link: LinkId(0),
        key: key(name),
        incarnation: Incarnation(incarnation),
        node: node(node_byte),
        dialled: None,
        ticket_serial: incarnation * 10,
    }
}

fn dials(effects: &[Effect]) -> Vec<String> {
    let dial = |effect: &Effect| match effect {
        Effect::Dial { key, incarnation, .. } => Some(format!("{key}@{incarnation}")),
        _ => None,
    };
    effects.iter().filter_map(dial).collect()
}

fn closes(effects: &[Effect]) -> Vec<(LinkId, CloseCode)> {
    let close = |effect: &Effect| match effect {
        Effect::Close { link, code, .. } => Some((*link, *code)),
        _ => None,
    };
    effects.iter().filter_map(close).collect()
}

/// `+name@incarnation` for connected, `-name@incarnation` for disconnected.
fn news(effects: &[Effect]) -> Vec<String> {
    let news = |effect: &Effect| match effect {
        Effect::PeerConnected { key, incarnation } => Some(format!("+{key}@{incarnation}")),
        Effect::PeerDisconnected { key, incarnation, .. } => Some(format!("-{key}@{incarnation}")),
        _ => None,
    };
    effects.iter().filter_map(news).collect()
}
