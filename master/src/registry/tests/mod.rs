//! One file per part of what the registry promises; here is the mesh that they play with.

mod joining;
mod numbers;
mod one_holder;
mod opinion;
mod random;
mod revoking;
mod schema;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meshwork_schema::Schema;
use meshwork_shared::ids::{MeshId, NodeId};
use meshwork_shared::protocol::{
    Change, Delta, Join, KnownSchema, Member, MemberKey, Pages, ProcessId, Refusal, Removal,
    Status, View,
};
use meshwork_shared::ticket::Claims;

use super::*;

/// `gateway` dials `thumbnailer`, cells dial each other, `loner` knows nobody.
pub(super) const SCHEMA: &str = r#"
    [gateway]
    _connect = ["thumbnailer"]
    [thumbnailer]
    _allow = ["gateway"]
    [thumbnailer._commands._balanced]
    resize = {}
    warm = { responds = false }
    [cell]
    _allow = ["cell"]
    _connect = ["cell"]
    [loner]
"#;

pub(super) const MESH: MeshId = MeshId([3; 16]);
pub(super) const START_MS: u64 = 1_800_000_000_000;

pub(super) fn schema(text: &str) -> Arc<Schema> {
    Arc::new(Schema::from_toml(text).unwrap())
}

pub(super) fn config() -> RegistryConfig {
    RegistryConfig { delta_delay: Duration::ZERO, ..RegistryConfig::new(MESH) }
}

pub(super) fn key(worker: &str, variant: &str) -> MemberKey {
    MemberKey { worker: worker.parse().unwrap(), variant: variant.parse().unwrap() }
}

/// A process that may join.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) node: NodeId,
    pub(super) id: ProcessId,
    pub(super) key: MemberKey,
    pub(super) admission: AdmissionKey,
    pub(super) status: Status,
    pub(super) ticket: Option<Claims>,
    pub(super) witness: Option<Claims>,
    pub(super) schema: Option<KnownSchema>,
    pub(super) proven_schema: Option<u64>,
}

impl Process {
    /// The process number `id`, with a key of its own.
    pub(super) fn new(id: u8, worker: &str, variant: &str) -> Self {
        Self {
            node: NodeId([id; 32]),
            id: ProcessId(u64::from(id)),
            key: key(worker, variant),
            admission: AdmissionKey::Mesh,
            status: Status::Ready,
            ticket: None,
            witness: None,
            schema: None,
            proven_schema: None,
        }
    }

    pub(super) fn request(&self, session: SessionId) -> Box<JoinRequest> {
        let join = Join {
            worker: self.key.worker.clone(),
            variant: self.key.variant.clone(),
            process: self.id,
            addresses: vec!["10.0.0.1:4000".parse().unwrap()],
            commands: vec!["warm".parse().unwrap(), "resize".parse().unwrap()],
            status: self.status,
            ticket: None,
            witness: None,
            schema: self.schema.clone(),
        };
        Box::new(JoinRequest {
            session,
            node: self.node,
            key: self.admission.clone(),
            join,
            presented: self.ticket.clone(),
            witness: self.witness.clone(),
            proven_schema: self.proven_schema,
        })
    }
}

/// What a worker at the other end of a link makes of views and deltas.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) epoch: u64,
    pub(super) number: u64,
    pub(super) settled: bool,
    pub(super) members: BTreeMap<MemberKey, Arc<Member>>,
    pub(super) removals: Vec<Removal>,
    pages: Pages,
}

impl Directory {
    fn view(&mut self, page: View) {
        let Some(view) = self.pages.push(page) else { return };
        assert!(self.epoch != view.epoch || view.number > self.number, "numbers grow");
        (self.epoch, self.number, self.settled) = (view.epoch, view.number, view.settled);
        let keyed = view.members.iter().map(|member| (member.key.clone(), Arc::clone(member)));
        self.members = keyed.collect();
        assert_eq!(self.members.len(), view.members.len(), "one incarnation of a variant");
    }

    fn delta(&mut self, delta: Delta) {
        assert_eq!((delta.epoch, delta.from), (self.epoch, self.number), "no gap");
        assert!(delta.to > delta.from && !delta.changes.is_empty());
        self.number = delta.to;
        for change in delta.changes {
            match change {
                Change::Upsert(member) => {
                    let before = self.members.insert(member.key.clone(), Arc::clone(&member));
                    if let Some(before) = before {
                        assert!(before.incarnation <= member.incarnation, "never goes back");
                    }
                }
                Change::Remove(removal) => {
                    self.members.remove(&removal.key);
                    self.removals.push(removal);
                }
            }
        }
    }
}

/// A registry and the workers around it.
#[derive(Debug)]
pub(super) struct Mesh {
    pub(super) registry: Registry,
    pub(super) now: Now,
    pub(super) directories: BTreeMap<SessionId, Directory>,
    pub(super) tickets: BTreeMap<SessionId, Claims>,
    pub(super) welcomes: BTreeMap<SessionId, Admission>,
    pub(super) refusals: BTreeMap<SessionId, Refusal>,
    pub(super) closed: Vec<(SessionId, CloseReason)>,
    pub(super) probes: Vec<(ProbeId, SessionId)>,
    pub(super) durable: Option<Durable>,
    pub(super) log: Vec<Effect>,
    next_session: u64,
}

impl Mesh {
    /// A mesh whose rebuild window is over.
    pub(super) fn new() -> Self {
        let mut mesh = Self::starting(config(), None);
        mesh.pass(Duration::from_secs(30));
        mesh
    }

    /// A mesh whose master has just started.
    pub(super) fn starting(config: RegistryConfig, durable: Option<Durable>) -> Self {
        let now = Now { at: Duration::from_secs(1000), unix_ms: START_MS };
        Self::starting_at(now, config, durable)
    }

    pub(super) fn starting_at(now: Now, config: RegistryConfig, durable: Option<Durable>) -> Self {
        let (registry, effects) = Registry::new(config, schema(SCHEMA), durable, now);
        let mut mesh = Self {
            registry,
            now,
            directories: BTreeMap::new(),
            tickets: BTreeMap::new(),
            welcomes: BTreeMap::new(),
            refusals: BTreeMap::new(),
            closed: Vec::new(),
            probes: Vec::new(),
            durable: None,
            log: Vec::new(),
            next_session: 0,
        };
        mesh.carry_out(effects);
        mesh
    }

    /// Another master comes up. With its state if `durable`; its clock is `back_ms` behind.
    pub(super) fn restart_master(&mut self, durable: bool, back_ms: u64) {
        let unix_ms = self.now.unix_ms - back_ms;
        let kept = self.durable.take().filter(|_| durable);
        let schema = Arc::clone(self.registry.schema().0);
        self.now.unix_ms = unix_ms;
        let config = self.registry.config.clone();
        let (registry, effects) = Registry::new(config, schema, kept, self.now);
        self.registry = registry;
        self.directories.clear();
        self.probes.clear();
        self.carry_out(effects);
    }

    /// Lets time pass, waking the registry as it asks.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now.at + time;
        while self.now.at < end {
            let next = self.registry.next_wakeup(self.now).max(self.now.at).min(end);
            self.now.unix_ms += (next - self.now.at).as_millis() as u64;
            self.now.at = next;
            self.handle(Event::Tick);
        }
    }

    /// Time jumps, as for a process that was stopped.
    pub(super) fn jump(&mut self, time: Duration) {
        self.now.at += time;
        self.now.unix_ms += time.as_millis() as u64;
        self.handle(Event::Tick);
    }

    pub(super) fn handle(&mut self, event: Event) {
        let effects = self.registry.handle(event, self.now);
        self.carry_out(effects);
    }

    /// A process joins over a new link.
    pub(super) fn join(&mut self, process: &Process) -> SessionId {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        self.handle(Event::Join(process.request(session)));
        session
    }

    /// A process joins and is let in.
    pub(super) fn admit(&mut self, process: &Process) -> SessionId {
        let session = self.join(process);
        assert!(self.welcomes.contains_key(&session), "{:?}", self.refusals.get(&session));
        session
    }

    pub(super) fn lose(&mut self, session: SessionId) {
        self.directories.remove(&session);
        self.handle(Event::LinkLost(session));
    }

    pub(super) fn member(&self, key: &MemberKey) -> Option<MemberInfo> {
        self.registry.members().find(|info| info.member.key == *key)
    }

    pub(super) fn incarnation(&self, session: SessionId) -> u64 {
        self.welcomes[&session].claims.incarnation.0
    }

    /// What the worker on that link sees, as `worker/variant status`.
    pub(super) fn seen(&self, session: SessionId) -> Vec<String> {
        let seen = |member: &Arc<Member>| format!("{} {}", member.key, member.status);
        self.directories[&session].members.values().map(seen).collect()
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        self.log.extend(effects.iter().cloned());
        for effect in effects {
            match effect {
                Effect::Persist(durable) => self.durable = Some(durable),
                Effect::Welcome { session, admission } => {
                    let directory = self.directories.entry(session).or_default();
                    directory.view(admission.view.clone());
                    self.tickets.insert(session, admission.claims.clone());
                    self.welcomes.insert(session, *admission);
                }
                Effect::Refuse { session, refusal } => {
                    self.refusals.insert(session, refusal);
                }
                Effect::ProbeHolder { probe, session, .. } => self.probes.push((probe, session)),
                Effect::SendView { session, view } => self.directory(session).view(view),
                Effect::SendDelta { session, delta } => self.directory(session).delta(delta),
                Effect::PushTicket { session, claims } => {
                    self.tickets.insert(session, claims);
                }
                Effect::CloseLink { session, reason } => {
                    self.closed.push((session, reason));
                    self.lose(session);
                }
                Effect::Left(session) => self.lose(session),
                Effect::SchemaNumbered { .. }
                | Effect::PushSchema(_)
                | Effect::PushRevoke { .. }
                | Effect::PushLinkSecrets { .. }
                | Effect::PushQueueKeys { .. }
                | Effect::Revoked(_)
                | Effect::Audit(_)
                | Effect::Happened(_) => {}
            }
        }
    }

    fn directory(&mut self, session: SessionId) -> &mut Directory {
        self.directories.get_mut(&session).expect("only members with a link are told")
    }
}
