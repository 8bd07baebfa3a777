//! Two processes that dial each other over a network that delays, loses and reorders.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

/// One step of the world around the two.
#[derive(Clone, Debug)]
enum Step {
    /// One of the things that wait to be told is told.
    Deliver(usize),
    /// A link breaks; both ends are to learn of it.
    Break(usize),
    /// The next dial of this end fails.
    FailDial(usize),
    /// Time passes, milliseconds.
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<usize>().prop_map(Step::Deliver),
        1 => any::<usize>().prop_map(Step::Break),
        1 => (0..2_usize).prop_map(Step::FailDial),
        2 => (0..3000_u64).prop_map(Step::Pass),
    ]
}

/// Both ends and what lies between them.
struct World {
    ends: [Peers; 2],
    now: Instant,
    /// What an end is yet to be told of a link, in order; different links in any order.
    mail: BTreeMap<(usize, LinkId), VecDeque<Event>>,
    /// Ends that have not been told of the end of a link.
    open: BTreeSet<(usize, LinkId)>,
    fail_dials: [u32; 2],
    links: u64,
    /// Whether each end says to be connected.
    connected: [bool; 2],
}

impl World {
    fn new(nodes: [u8; 2]) -> Self {
        let end = |at: usize| {
            let name = ["twin/a", "twin/b"][at];
            Peers::new(me(name, nodes[at]), schema(SCHEMA), LEASE, GRACE, Random::seeded(at as u64))
        };
        let mut world = Self {
            ends: [end(0), end(1)],
            now: Instant::now(),
            mail: BTreeMap::new(),
            open: BTreeSet::new(),
            fail_dials: [0; 2],
            links: 0,
            connected: [false; 2],
        };
        for (at, other) in [(0, "twin/b"), (1, "twin/a")] {
            let members = vec![Arc::new(member(other, 100, nodes[1 - at]))];
            let (epoch, number, settled, more) = (1, 1, true, false);
            let view = View { epoch, number, settled, more, members, removed: Vec::new() };
            world.tell(at, Event::View(view));
        }
        world
    }

    fn tell(&mut self, at: usize, event: Event) {
        for effect in self.ends[at].handle(event, self.now) {
            self.carry_out(at, effect);
        }
        let kept = self.ends[at].instances().filter(|instance| instance.link.is_some()).count();
        assert_eq!(self.connected[at], kept == 1, "news and routes agree");
    }

    fn carry_out(&mut self, at: usize, effect: Effect) {
        match effect {
            Effect::Dial { key, incarnation, node, .. } => self.dial(at, key, incarnation, node),
            Effect::Close { link, code, .. } => {
                self.end(at, link, LinkEnd::ClosedHere { code });
                self.end(1 - at, link, peer_says(code));
            }
            Effect::AwaitIdle { link } => self.post(at, link, Event::Idle { link }),
            Effect::PeerConnected { .. } => {
                assert!(!std::mem::replace(&mut self.connected[at], true));
            }
            Effect::PeerDisconnected { .. } => {
                assert!(std::mem::replace(&mut self.connected[at], false));
            }
            Effect::Retire { .. } | Effect::RoutesChanged => {}
            Effect::Resync => panic!("nothing was missed"),
            Effect::Part { .. } => panic!("no schema has changed"),
        }
    }

    fn dial(&mut self, at: usize, key: MemberKey, incarnation: Incarnation, node: NodeId) {
        self.links += 1;
        let link = LinkId(self.links);
        if self.fail_dials[at] > 0 {
            self.fail_dials[at] -= 1;
            self.post(at, link, Event::DialFailed { key, incarnation, code: None });
            return;
        }
        let dialler = &self.ends[at].me;
        let theirs = NewLink {
            link,
            key: dialler.key.clone(),
            incarnation: dialler.incarnation,
            node: dialler.node,
            dialled: None,
            ticket_serial: 1,
        };
        let dialled = Some(incarnation);
        let ours = NewLink { key, node, incarnation, dialled, ..theirs.clone() };
        self.post(at, link, Event::Linked(ours));
        self.post(1 - at, link, Event::Linked(theirs));
        self.open.extend([(at, link), (1 - at, link)]);
    }

    /// An end is to learn that a link ended, unless it is to learn so already.
    fn end(&mut self, at: usize, link: LinkId, end: LinkEnd) {
        if self.open.remove(&(at, link)) {
            self.post(at, link, Event::Unlinked { link, end });
        }
    }

    fn post(&mut self, at: usize, link: LinkId, event: Event) {
        self.mail.entry((at, link)).or_default().push_back(event);
    }

    fn deliver(&mut self, pick: usize) -> bool {
        let waiting: Vec<_> = self.mail.keys().copied().collect();
        let Some(to) = waiting.get(pick % waiting.len().max(1)) else { return false };
        let mut queue = self.mail.remove(to).unwrap();
        let event = queue.pop_front().unwrap();
        if !queue.is_empty() {
            self.mail.insert(*to, queue);
        }
        self.tell(to.0, event);
        true
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        for at in [0, 1] {
            while self.ends[at].next_due().is_some_and(|due| due <= self.now) {
                self.tell(at, Event::Tick);
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Deliver(pick) => _ = self.deliver(*pick),
            Step::Break(pick) => {
                let links: Vec<_> = self.open.iter().map(|(_, link)| *link).collect();
                if let Some(link) = links.get(pick % links.len().max(1)) {
                    self.end(0, *link, lost_end());
                    self.end(1, *link, lost_end());
                }
            }
            Step::FailDial(at) => self.fail_dials[*at] += 1,
            Step::Pass(ms) => self.pass(Duration::from_millis(*ms)),
        }
    }

    /// Lets the world come to rest.
    fn rest(&mut self) {
        for turn in 0..10_000 {
            if self.deliver(turn) {
                continue;
            }
            let due = self.ends.iter().filter_map(Peers::next_due).min();
            let Some(due) = due else { return };
            self.pass(due - self.now);
        }
        panic!("no rest: {:?}", self.ends);
    }

    fn kept(&self, at: usize) -> Option<LinkId> {
        self.ends[at].instances().next()?.link
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// "Simultaneous dials end as one link", whatever happens in between.
    #[test]
    fn two_that_dial_each_other_end_with_one_link(
        nodes in prop_oneof![Just([1, 2]), Just([2, 1])],
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut world = World::new(nodes);
        steps.iter().for_each(|step| world.take(step));
        world.rest();
        let kept = world.kept(0);
        prop_assert!(kept.is_some());
        prop_assert_eq!(kept, world.kept(1));
        let open: BTreeSet<_> = world.open.iter().map(|(_, link)| *link).collect();
        prop_assert_eq!(open.into_iter().collect::<Vec<_>>(), [kept.unwrap()]);
    }
}

#[test]
fn dials_that_cross_end_as_the_link_of_the_smaller_node() {
    for (nodes, kept) in [([1, 2], LinkId(1)), ([2, 1], LinkId(2))] {
        let mut world = World::new(nodes);
        world.rest();
        assert_eq!(world.links, 2, "both dialled");
        assert_eq!((world.kept(0), world.kept(1)), (Some(kept), Some(kept)));
    }
}
