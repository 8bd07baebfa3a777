//! Whatever happens in whatever order, what must hold holds.

use std::collections::BTreeSet;
use std::time::Duration;

use meshwork_shared::protocol::RemovalReason;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const SCHEMAS: [&str; 3] = [
    SCHEMA,
    r#"
        [gateway]
        _connect = "anyNode"
        [thumbnailer]
        _allow = "anyNode"
        [cell]
        [loner]
    "#,
    r#"
        [gateway]
        _connect = ["cell"]
        [cell]
        _allow = ["gateway", "cell"]
        _connect = ["cell"]
    "#,
];
const NAMES: [(&str, &str); 6] = [
    ("gateway", "a"),
    ("gateway", "b"),
    ("thumbnailer", "a"),
    ("cell", "a"),
    ("cell", "b"),
    ("loner", "a"),
];
/// Processes: each name twice, so that there are rivals.
const PROCESSES: usize = NAMES.len() * 2;

#[derive(Clone, Debug)]
enum Step {
    Join(usize),
    Restart(usize),
    Ready(usize),
    Draining(usize),
    Leave(usize),
    Lose(usize),
    Renew(usize),
    Resync(usize),
    Answer,
    Pass(u64),
    Swap(usize),
    Revoke(usize),
    RestartMaster { back_ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..PROCESSES;
    prop_oneof![
        8 => who.clone().prop_map(Step::Join),
        2 => who.clone().prop_map(Step::Restart),
        1 => who.clone().prop_map(Step::Ready),
        1 => who.clone().prop_map(Step::Draining),
        2 => who.clone().prop_map(Step::Leave),
        3 => who.clone().prop_map(Step::Lose),
        1 => who.clone().prop_map(Step::Renew),
        1 => who.clone().prop_map(Step::Resync),
        3 => Just(Step::Answer),
        3 => prop_oneof![0..5_u64, 0..3_000_u64, 0..700_000_u64].prop_map(Step::Pass),
        1 => (0..SCHEMAS.len()).prop_map(Step::Swap),
        1 => who.prop_map(Step::Revoke),
        1 => (0..120_000_u64).prop_map(|back_ms| Step::RestartMaster { back_ms }),
    ]
}

/// A mesh, its processes, and what has been given out so far.
struct World {
    mesh: Mesh,
    processes: Vec<Process>,
    links: Vec<Option<SessionId>>,
    restarts: u64,
    /// The highest number given out, and all serials.
    highest: u64,
    serials: BTreeSet<u64>,
    /// Incarnations removed for good.
    gone: BTreeMap<MemberKey, u64>,
}

impl World {
    fn new(delay_ms: u64) -> Self {
        let config = RegistryConfig {
            delta_delay: Duration::from_millis(delay_ms),
            lost_keep: Duration::from_secs(5),
            ..config()
        };
        let process = |id: usize| {
            let (worker, variant) = NAMES[id % NAMES.len()];
            Process::new(id as u8 + 1, worker, variant)
        };
        Self {
            mesh: Mesh::starting(config, None),
            processes: (0..PROCESSES).map(process).collect(),
            links: vec![None; PROCESSES],
            restarts: 0,
            highest: 0,
            serials: BTreeSet::new(),
            gone: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Join(who) => {
                self.lose(who);
                self.links[who] = Some(self.mesh.join(&self.processes[who]));
            }
            Step::Restart(who) => {
                self.lose(who);
                self.restarts += 1;
                self.processes[who].id = ProcessId(1000 + self.restarts);
                self.processes[who].ticket = None;
            }
            Step::Ready(who) => self.on_link(who, Event::Ready),
            Step::Draining(who) => self.on_link(who, Event::Draining),
            Step::Leave(who) => {
                self.on_link(who, Event::Leave);
                self.links[who] = None;
            }
            Step::Renew(who) => self.on_link(who, Event::Renew),
            Step::Resync(who) => self.on_link(who, Event::Resync),
            Step::Lose(who) => self.lose(who),
            Step::Answer => {
                if let Some((probe, _)) = self.mesh.probes.pop() {
                    self.mesh.handle(Event::ProbeAnswered(probe));
                }
            }
            Step::Pass(ms) => self.mesh.jump(Duration::from_millis(ms)),
            Step::Swap(which) => {
                self.mesh.handle(Event::SchemaChanged(schema(SCHEMAS[which])));
            }
            Step::Revoke(who) => {
                let target = RevokeTarget::Member(self.processes[who].key.clone());
                self.mesh.handle(Event::Revoke(target));
            }
            Step::RestartMaster { back_ms } => {
                self.links.fill(None);
                self.mesh.restart_master(true, back_ms);
                self.gone.clear();
            }
        }
        // What was gathered goes out, so that views can be compared.
        self.mesh.jump(Duration::from_millis(20));
        self.processes_learn();
        self.check_log();
        self.check_views();
    }

    fn on_link(&mut self, who: usize, event: impl Fn(SessionId) -> Event) {
        if let Some(session) = self.links[who] {
            self.mesh.handle(event(session));
        }
    }

    fn lose(&mut self, who: usize) {
        if let Some(session) = self.links[who].take() {
            self.mesh.lose(session);
        }
    }

    fn processes_learn(&mut self) {
        for (process, link) in self.processes.iter_mut().zip(&mut self.links) {
            let Some(session) = *link else { continue };
            if let Some(ticket) = self.mesh.tickets.get(&session) {
                process.ticket = Some(ticket.clone());
            }
            if self.mesh.welcomes.contains_key(&session)
                && !self.mesh.directories.contains_key(&session)
            {
                *link = None;
            }
        }
    }

    /// Numbers only grow, tickets are never given twice, nothing is removed that may not be.
    fn check_log(&mut self) {
        for effect in std::mem::take(&mut self.mesh.log) {
            match effect {
                Effect::Audit(
                    Audit::Admitted { key, incarnation, returned: false, .. }
                    | Audit::Renumbered { key, incarnation },
                ) => {
                    let given = incarnation.0;
                    assert!(given > self.highest, "{key} got {given} after {}", self.highest);
                    self.highest = given;
                }
                Effect::Welcome { admission, .. } => self.see_ticket(&admission.claims),
                Effect::PushTicket { claims, .. } => self.see_ticket(&claims),
                Effect::SendDelta { delta, .. } => self.check_changes(delta.changes),
                Effect::Persist(durable) => assert!(durable.high >= self.highest),
                _ => {}
            }
        }
        let number = self.mesh.registry.schema().1;
        assert!(number <= self.mesh.durable.as_ref().unwrap().high);
    }

    fn see_ticket(&mut self, claims: &Claims) {
        if self.serials.insert(claims.serial) {
            assert!(claims.serial > self.highest, "a new ticket has a new number");
            self.highest = claims.serial;
        }
    }

    fn check_changes(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Upsert(member) => {
                    let gone = self.gone.get(&member.key).copied().unwrap_or(0);
                    assert!(member.incarnation.0 > gone, "{} came back", member.key);
                }
                Change::Remove(removal) => match removal.reason {
                    RemovalReason::Expired => {
                        assert!(self.mesh.registry.is_settled(), "removed while rebuilding");
                    }
                    RemovalReason::NoLongerAllowed => {}
                    RemovalReason::Left | RemovalReason::Replaced | RemovalReason::Revoked => {
                        let gone = self.gone.entry(removal.key).or_default();
                        *gone = removal.incarnation.0.max(*gone);
                    }
                },
            }
        }
    }

    /// Each member sees exactly those that it is linked to, as they are: so two sides agree.
    fn check_views(&self) {
        let schema = Arc::clone(self.mesh.registry.schema().0);
        let members: Vec<MemberInfo> = self.mesh.registry.members().collect();
        let nodes: BTreeSet<_> = members.iter().map(|info| info.member.node).collect();
        assert_eq!(nodes.len(), members.len(), "one member per process");
        for viewer in &members {
            let Some(session) = viewer.session else {
                assert_eq!(viewer.member.status, Status::Lost);
                continue;
            };
            let own = &viewer.member.key;
            let linked = members.iter().map(|info| &info.member).filter(|member| {
                member.key != *own && schema.linked(own.worker.as_str(), member.key.worker.as_str())
            });
            let linked: Vec<_> = linked.collect();
            let seen: Vec<_> = self.mesh.directories[&session].members.values().collect();
            assert_eq!(seen, linked, "view of {own}");
        }
    }

    /// Nobody waits for an answer for longer than a holder has to answer.
    fn check_that_all_are_answered(&mut self) {
        self.mesh.pass(Duration::from_secs(5));
        for session in self.links.iter().flatten() {
            assert!(
                self.mesh.welcomes.contains_key(session)
                    || self.mesh.refusals.contains_key(session)
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_must_hold_holds(
        delay_ms in prop_oneof![Just(0_u64), Just(20)],
        steps in vec(step(), 1..80),
    ) {
        let mut world = World::new(delay_ms);
        for step in steps {
            world.take(step);
        }
        world.check_that_all_are_answered();
    }
}
