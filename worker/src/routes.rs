//! Where calls go: a snapshot of who serves what over which link. Callers read it without a lock;
//! the worker's control builds a new one whenever links or members change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meshwork_queue::QueueName;
use meshwork_schema::{CommandSchema, Schema, WorkerName};
use meshwork_shared::ids::Incarnation;
use meshwork_shared::link::handle::Link;
use meshwork_shared::link::message::CommandRef;
use meshwork_shared::protocol::{Member, MemberKey};

use crate::metrics::meter::Meter;
use crate::traces::Tracer;

/// One instance of a worker that this one may call.
pub(crate) struct Instance {
    pub(crate) key: MemberKey,
    pub(crate) incarnation: Incarnation,
    /// What the master tells of it, once it has.
    pub(crate) member: Option<Arc<Member>>,
    /// Whether it or the master said that it takes no new calls.
    pub(crate) draining: bool,
    /// The link to it, if there is one.
    pub(crate) link: Option<Link>,
    /// True when both ends numbered their commands by our present schema as the link was made.
    pub(crate) same_numbers: bool,
}

impl Instance {
    /// True when a call can be handed to it now.
    pub(crate) fn takes_calls(&self) -> bool {
        // The link's own word is fresher than the snapshot's.
        let open = |link: &Link| link.is_open() && !link.is_peer_draining();
        !self.draining && self.link.as_ref().is_some_and(open)
    }

    /// Whether it serves a command. One that the master has not told of yet is taken at the
    /// schema's word, if no other is there: it refuses what it does not serve.
    fn serves(&self, command: &str) -> bool {
        self.member.as_ref().is_none_or(|member| member.serves(command))
    }
}

/// Who may be asked for one command.
pub(crate) struct CommandRoute {
    pub(crate) schema: Arc<CommandSchema>,
    /// The queue that all instances share, if it is queued and balanced.
    pub(crate) queue: QueueName,
    pub(crate) number: u16,
    /// False when the schema keeps the command from us.
    pub(crate) allowed: bool,
    pub(crate) instances: Vec<Arc<Instance>>,
    /// Lives longer than the snapshot.
    track: Arc<Track>,
}

/// What stays of a command across snapshots.
pub(crate) struct Track {
    /// `worker.command`.
    pub(crate) name: String,
    /// Follows calls to it.
    pub(crate) tracer: Arc<Tracer>,
    /// Whose turn it is.
    turn: AtomicUsize,
    /// What is counted of calls to it.
    pub(crate) meter: Meter,
}

impl CommandRoute {
    /// How `instance` is asked for this command.
    pub(crate) fn command_ref(&self, instance: &Instance) -> CommandRef {
        if instance.same_numbers {
            CommandRef::Number(self.number)
        } else {
            CommandRef::Name(bytes::Bytes::copy_from_slice(self.schema.name.as_str().as_bytes()))
        }
    }

    /// What is counted of calls to it.
    pub(crate) fn meter(&self) -> &Meter {
        &self.track.meter
    }

    /// What outlives this snapshot, for a call under way.
    pub(crate) fn track(&self) -> &Arc<Track> {
        &self.track
    }

    /// The next instance in turn that takes calls and was not tried yet.
    pub(crate) fn round_robin(&self, tried: &[Incarnation]) -> Option<&Arc<Instance>> {
        let count = self.instances.len();
        let first = self.track.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = || {
            (0..count)
                .map(move |step| &self.instances[(first.wrapping_add(step)) % count])
                .filter(|instance| instance.takes_calls() && !tried.contains(&instance.incarnation))
        };
        in_turn().find(|instance| instance.member.is_some()).or_else(|| in_turn().next())
    }

    /// Of two instances in turn, the one with fewer calls in flight.
    pub(crate) fn least_pending(&self, tried: &[Incarnation]) -> Option<&Arc<Instance>> {
        let first = self.round_robin(tried)?;
        let second = self.round_robin(tried)?;
        let pending = |instance: &Instance| instance.link.as_ref().map_or(0, Link::in_flight);
        Some(if pending(second) < pending(first) { second } else { first })
    }

    /// The instance that a key belongs to: highest hash of key and variant (rendezvous hashing), so
    /// that an instance that comes or goes moves only its own keys.
    pub(crate) fn by_key(&self, key: &[u8], tried: &[Incarnation]) -> Option<&Arc<Instance>> {
        self.instances
            .iter()
            .filter(|instance| instance.takes_calls() && !tried.contains(&instance.incarnation))
            .max_by_key(|instance| {
                let hash = rendezvous(key, instance.key.variant.as_str().as_bytes());
                (instance.member.is_some(), hash)
            })
    }
}

/// FNV-1a over key and variant, finished by the mixer of splitmix64.
fn rendezvous(key: &[u8], variant: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key.iter().chain([0xff].iter()).chain(variant) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The snapshot.
#[derive(Default)]
pub(crate) struct Routes {
    workers: BTreeMap<WorkerName, WorkerRoutes>,
}

#[derive(Default)]
struct WorkerRoutes {
    instances: Vec<Arc<Instance>>,
    commands: BTreeMap<String, CommandRoute>,
}

/// What stays of each command across snapshots.
#[derive(Default)]
pub(crate) struct Turns(BTreeMap<(WorkerName, String), Arc<Track>>);

impl Routes {
    /// Builds the snapshot of `me` from all instances that it may know.
    pub(crate) fn build(
        me: &str,
        schema: &Schema,
        instances: impl IntoIterator<Item = Instance>,
        turns: &mut Turns,
        tracer: &Arc<Tracer>,
    ) -> Self {
        let mut by_worker: BTreeMap<WorkerName, Vec<Arc<Instance>>> = BTreeMap::new();
        for instance in instances {
            by_worker.entry(instance.key.worker.clone()).or_default().push(Arc::new(instance));
        }
        let mut workers = BTreeMap::new();
        for worker in schema.workers() {
            let instances = by_worker.remove(&worker.name).unwrap_or_default();
            let mut commands = BTreeMap::new();
            for (number, command) in worker.commands.iter().enumerate() {
                let name = command.name.to_string();
                let serving = |instance: &&Arc<Instance>| instance.serves(&name);
                let key = (worker.name.clone(), name.clone());
                let track = turns.0.entry(key).or_insert_with(|| {
                    let (name, tracer) = (format!("{}.{name}", worker.name), tracer.clone());
                    let (turn, meter) = (AtomicUsize::new(0), Meter::default());
                    Arc::new(Track { name, tracer, turn, meter })
                });
                let track = track.clone();
                let route = CommandRoute {
                    schema: Arc::new(command.clone()),
                    queue: QueueName::balanced(worker.name.clone(), command.name.clone()),
                    number: number as u16,
                    allowed: schema.may_call(me, worker.name.as_str(), &name),
                    instances: instances.iter().filter(serving).cloned().collect(),
                    track,
                };
                commands.insert(name, route);
            }
            workers.insert(worker.name.clone(), WorkerRoutes { instances, commands });
        }
        Self { workers }
    }

    /// Who may be asked for `worker.command`; `None` when the schema has no such command.
    pub(crate) fn command(&self, worker: &str, command: &str) -> Option<&CommandRoute> {
        self.workers.get(worker)?.commands.get(command)
    }

    /// All known instances of a worker.
    pub(crate) fn instances(&self, worker: &str) -> &[Arc<Instance>] {
        self.workers.get(worker).map_or(&[], |routes| &routes.instances)
    }

    /// All commands of all workers, by name.
    pub(crate) fn commands(&self) -> impl Iterator<Item = (&WorkerName, &CommandRoute)> {
        self.workers
            .iter()
            .flat_map(|(worker, routes)| routes.commands.values().map(move |route| (worker, route)))
    }

    /// All known instances of all workers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.workers.values().flat_map(|routes| &routes.instances)
    }
}
