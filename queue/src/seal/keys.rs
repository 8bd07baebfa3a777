//! The keys that a worker holds, and what is done with them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use bytestring::ByteString;
use meshwork_schema::{CommandName, Schema, WorkerName};
use meshwork_shared::ids::JobId;
use meshwork_shared::protocol::QueueKeys;
use meshwork_shared::random::Random;
use meshwork_shared::sealed_job::{self, Associated, JobFacts, KeyName, ReplyFacts};
use meshwork_shared::secret::{CalleeKey, PairKey};

use super::{OpenError, SealError};
use crate::job::{Lease, NewJob, Priority};
use crate::name::QueueName;
use crate::status::Reply;

/// All keys of queued jobs that a worker holds at a time: a snapshot, replaced as a whole when the
/// master sends others. Debug shows no key; each is wiped when the last snapshot with it is
/// dropped.
#[derive(Clone, Debug)]
pub struct JobKeys {
    me: WorkerName,
    /// The epochs that still open, oldest first; of some the keys may be on their way.
    kept: Vec<u64>,
    /// The keys that have arrived, by epoch.
    epochs: BTreeMap<u64, EpochKeys>,
}

/// Keys of callers that a callee remembers; those of more callers and commands are derived anew
/// for each job.
const DERIVED_MAX: usize = 4096;

/// A key, and its name as entries carry it.
#[derive(Debug)]
struct Pair {
    key: PairKey,
    name: ByteString,
}

type Pairs = BTreeMap<(WorkerName, CommandName), Arc<Pair>>;

/// The keys of one epoch.
#[derive(Clone, Debug)]
struct EpochKeys {
    own: Option<OwnKeys>,
    /// By callee and command.
    grants: Pairs,
}

/// With which a worker opens jobs of its own commands.
#[derive(Clone, Debug)]
struct OwnKeys {
    callee: CalleeKey,
    /// By caller and command, of callers whose jobs opened: nobody else can fill it. Deriving a
    /// key takes longer than opening a job with it.
    derived: Arc<RwLock<Pairs>>,
}

impl JobKeys {
    /// The keys of a worker to which the master has sent none yet.
    pub fn none(me: WorkerName) -> Self {
        Self { me, kept: Vec::new(), epochs: BTreeMap::new() }
    }

    /// The keys once the master has sent these: they take the place of the same epoch's, and those
    /// of epochs that are not kept any more are gone.
    #[must_use]
    pub fn with(&self, sent: &QueueKeys) -> Self {
        let mut epochs = self.epochs.clone();
        epochs.insert(sent.epoch, EpochKeys::new(&self.me, sent));
        epochs.retain(|epoch, _| sent.kept.contains(epoch));
        Self { me: self.me.clone(), kept: sent.kept.clone(), epochs }
    }

    /// Whether the master keeps the root of this epoch, as far as this process was told.
    pub fn is_kept(&self, epoch: u64) -> bool {
        self.kept.contains(&epoch)
    }

    /// The epochs whose keys have arrived, oldest first.
    pub fn epochs(&self) -> impl Iterator<Item = u64> {
        self.epochs.keys().copied()
    }

    /// The callers whose keys of an epoch are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self, epoch: u64) -> usize {
        let own = self.epochs.get(&epoch).and_then(|keys| keys.own.as_ref());
        own.map_or(0, |own| own.derived.read().unwrap_or_else(PoisonError::into_inner).len())
    }

    /// Seals the arguments of a job for `queue` and names the key in it. To be called last: it
    /// vouches for all that the job says but when it starts.
    ///
    /// # Errors
    /// [`SealError`]; the job must not be stored.
    pub fn seal(
        &self,
        queue: &QueueName,
        mut job: NewJob,
        random: &Random,
    ) -> Result<NewJob, SealError> {
        if job.caller != self.me {
            return Err(SealError::NotOurs { caller: job.caller });
        }
        let (&epoch, keys) = self.epochs.last_key_value().ok_or(SealError::NoKeys)?;
        let pair = self.pair(epoch, keys, &self.me, queue).ok_or_else(|| not_allowed(queue))?;
        let associated = job_associated(epoch, queue, &job);
        job.body = sealed_job::seal(&pair.key, &associated, &job.body, random.bytes()).into();
        job.key = Some(pair.name.clone());
        Ok(job)
    }

    /// Opens a leased job of one of this worker's own queues: proves who its caller is, and that
    /// `schema` lets that worker call the command now. Gives the arguments.
    ///
    /// # Errors
    /// [`OpenError`]; the job must not be run.
    pub fn open(
        &self,
        queue: &QueueName,
        lease: &Lease,
        schema: &Schema,
    ) -> Result<Bytes, OpenError> {
        let job = &lease.job;
        if queue.worker != self.me {
            return Err(OpenError::NotOurs);
        }
        let (Some(named), Some(epoch)) = (&job.key, sealed_job::epoch_of(&job.body)) else {
            return Err(OpenError::NotSealed);
        };
        let keys = self.epoch(epoch);
        let known = keys.as_ref().ok().and_then(|keys| keys.remembered(&job.caller, queue));
        let is_named = match &known {
            Some(pair) => *named == pair.name,
            None => *named == key_name(epoch, &job.caller, queue),
        };
        if !is_named {
            return Err(OpenError::OtherKey);
        }
        if lease.id != job.id {
            return Err(OpenError::Broken);
        }
        let own = keys?.own.as_ref().ok_or(OpenError::NotOurs)?;
        let pair = match &known {
            Some(pair) => pair.clone(),
            None => own.derive(epoch, &job.caller, queue),
        };
        let associated = job_associated(epoch, queue, job);
        let body = sealed_job::open(&pair.key, &associated, &job.body);
        let body = body.map_err(|_| OpenError::Broken)?;
        if known.is_none() {
            own.remember(&job.caller, queue, pair);
        }
        let (callee, command) = (queue.worker.as_str(), queue.command.as_str());
        let may = schema.may_enqueue(job.caller.as_str(), callee, command);
        if !may && !cfg!(mutate = "job_access_check") {
            return Err(OpenError::NotAllowed { caller: job.caller.clone() });
        }
        Ok(body.into())
    }

    /// Seals what a job of one of this worker's own queues answered, for its caller.
    ///
    /// # Errors
    /// [`SealError`]; the reply must not be stored.
    pub fn seal_reply(
        &self,
        queue: &QueueName,
        lease: &Lease,
        reply: Reply,
        random: &Random,
    ) -> Result<Reply, SealError> {
        let caller = &lease.job.caller;
        // Of the epoch that the caller has for certain; a newer one may not have reached it yet.
        let asked = sealed_job::epoch_of(&lease.job.body);
        let asked = asked.and_then(|epoch| self.epochs.get_key_value(&epoch));
        let newest = self.epochs.last_key_value();
        let (&epoch, keys) = asked.or(newest).ok_or(SealError::NoKeys)?;
        let pair = self.pair(epoch, keys, caller, queue).ok_or_else(|| not_allowed(queue))?;
        let associated = reply_associated(epoch, queue, lease.id, caller, &reply);
        let body = sealed_job::seal(&pair.key, &associated, &reply.body, random.bytes());
        Ok(Reply { codec: reply.codec, body: body.into() })
    }

    /// Opens the reply of the job `id` that `caller` gave: this worker, or any if the queue is its
    /// own.
    ///
    /// # Errors
    /// [`OpenError`]; the reply must not be used.
    pub fn open_reply(
        &self,
        queue: &QueueName,
        id: JobId,
        caller: &WorkerName,
        reply: Reply,
    ) -> Result<Reply, OpenError> {
        let epoch = sealed_job::epoch_of(&reply.body).ok_or(OpenError::NotSealed)?;
        let keys = self.epoch(epoch)?;
        let pair = self.pair(epoch, keys, caller, queue).ok_or(OpenError::NotOurs)?;
        let associated = reply_associated(epoch, queue, id, caller, &reply);
        let body = sealed_job::open(&pair.key, &associated, &reply.body);
        let body = body.map_err(|_| OpenError::Broken)?;
        Ok(Reply { codec: reply.codec, body: body.into() })
    }

    fn epoch(&self, epoch: u64) -> Result<&EpochKeys, OpenError> {
        if let Some(keys) = self.epochs.get(&epoch) {
            return Ok(keys);
        }
        let is_newer = self.kept.last().is_none_or(|newest| epoch > *newest);
        match is_newer || self.kept.contains(&epoch) {
            true => Err(OpenError::NotYet { epoch }),
            false => Err(OpenError::UnknownEpoch { epoch }),
        }
    }

    /// The key of `caller` for `queue`, if this worker holds it: as the callee, or as the caller.
    fn pair(
        &self,
        epoch: u64,
        keys: &EpochKeys,
        caller: &WorkerName,
        queue: &QueueName,
    ) -> Option<Arc<Pair>> {
        if queue.worker == self.me {
            let derive = || Some(keys.own.as_ref()?.derive(epoch, caller, queue));
            return keys.remembered(caller, queue).or_else(derive);
        }
        let grant = (queue.worker.clone(), queue.command.clone());
        keys.grants.get(&grant).filter(|_| *caller == self.me).cloned()
    }
}

impl EpochKeys {
    fn new(me: &WorkerName, sent: &QueueKeys) -> Self {
        let own = sent.own.as_ref().map(|key| OwnKeys {
            callee: CalleeKey::from_bytes(*key.expose()),
            derived: Arc::default(),
        });
        let grants = sent.callees.iter().flat_map(|callee| {
            callee.commands.iter().map(|grant| {
                let queue = QueueName::balanced(callee.worker.clone(), grant.command.clone());
                let key = PairKey::from_bytes(*grant.key.expose());
                let pair = Pair { key, name: key_name(sent.epoch, me, &queue) };
                ((queue.worker, queue.command), Arc::new(pair))
            })
        });
        Self { own, grants: grants.collect() }
    }

    /// The key of a caller of one of this worker's own queues, if it was derived before.
    fn remembered(&self, caller: &WorkerName, queue: &QueueName) -> Option<Arc<Pair>> {
        let derived = self.own.as_ref()?.derived.read().unwrap_or_else(PoisonError::into_inner);
        derived.get(&(caller.clone(), queue.command.clone())).cloned()
    }
}

impl OwnKeys {
    fn derive(&self, epoch: u64, caller: &WorkerName, queue: &QueueName) -> Arc<Pair> {
        let key = self.callee.pair_key(caller, &queue.command);
        Arc::new(Pair { key, name: key_name(epoch, caller, queue) })
    }

    fn remember(&self, caller: &WorkerName, queue: &QueueName, pair: Arc<Pair>) {
        let mut derived = self.derived.write().unwrap_or_else(PoisonError::into_inner);
        if derived.len() < DERIVED_MAX {
            derived.insert((caller.clone(), queue.command.clone()), pair);
        }
    }
}

fn not_allowed(queue: &QueueName) -> SealError {
    SealError::NotAllowed { callee: queue.worker.clone(), command: queue.command.clone() }
}

fn key_name(epoch: u64, caller: &WorkerName, queue: &QueueName) -> ByteString {
    KeyName { epoch, caller, callee: &queue.worker, command: &queue.command }.to_string().into()
}

/// The queue's full name, in pieces.
fn pieces(queue: &QueueName) -> [&str; 5] {
    let (at, variant) = match &queue.variant {
        Some(variant) => ("@", variant.as_str()),
        None => ("", ""),
    };
    [queue.worker.as_str(), ".", queue.command.as_str(), at, variant]
}

fn job_associated(epoch: u64, queue: &QueueName, job: &NewJob) -> Associated {
    let facts = JobFacts {
        queue: &pieces(queue),
        id: job.id,
        caller: (job.caller.as_str(), job.caller_variant.as_str()),
        codec: job.codec,
        priority: match job.priority {
            Priority::High => 0,
            Priority::Normal => 1,
            Priority::Low => 2,
        },
        attempts: job.attempts,
        run_timeout: job.run_timeout,
        dedupe: job.dedupe.as_ref().map(|dedupe| (dedupe.key.as_str(), dedupe.window)),
        trace: job.trace.as_deref(),
    };
    facts.associated(epoch)
}

fn reply_associated(
    epoch: u64,
    queue: &QueueName,
    id: JobId,
    caller: &WorkerName,
    reply: &Reply,
) -> Associated {
    let (queue, caller) = (&pieces(queue), caller.as_str());
    ReplyFacts { queue, id, caller, codec: reply.codec }.associated(epoch)
}
