//! The keys that a worker holds, and what is done with them.

use std::collections::BTreeMap;

use bytes::Bytes;
use meshwork_schema::{CommandName, Schema, WorkerName};
use meshwork_shared::ids::JobId;
use meshwork_shared::protocol::QueueKeys;
use meshwork_shared::random::Random;
use meshwork_shared::sealed_job::{self, JobFacts, KeyName, ReplyFacts};
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

/// The keys of one epoch.
#[derive(Clone, Debug)]
struct EpochKeys {
    own: Option<CalleeKey>,
    grants: BTreeMap<(WorkerName, CommandName), PairKey>,
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
        epochs.insert(sent.epoch, EpochKeys::from(sent));
        epochs.retain(|epoch, _| sent.kept.contains(epoch));
        Self { me: self.me.clone(), kept: sent.kept.clone(), epochs }
    }

    /// The epochs whose keys have arrived, oldest first.
    pub fn epochs(&self) -> impl Iterator<Item = u64> {
        self.epochs.keys().copied()
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
        let key = self.pair_key(keys, &self.me, queue).ok_or_else(|| SealError::NotAllowed {
            callee: queue.worker.clone(),
            command: queue.command.clone(),
        })?;
        let facts = job_facts(&queue.to_string(), &job).bytes();
        job.body = sealed_job::seal(&key, epoch, &facts, &job.body, random.bytes()).into();
        job.key = Some(key_name(epoch, &job.caller, queue));
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
        if *named != key_name(epoch, &job.caller, queue) {
            return Err(OpenError::OtherKey);
        }
        if lease.id != job.id {
            return Err(OpenError::Broken);
        }
        let keys = self.epoch(epoch)?;
        let key = self.pair_key(keys, &job.caller, queue).ok_or(OpenError::NotOurs)?;
        let facts = job_facts(&queue.to_string(), job).bytes();
        let body = sealed_job::open(&key, &facts, &job.body).map_err(|_| OpenError::Broken)?;
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
        let key = self.pair_key(keys, caller, queue).ok_or_else(|| SealError::NotAllowed {
            callee: queue.worker.clone(),
            command: queue.command.clone(),
        })?;
        let facts = reply_facts(&queue.to_string(), lease.id, caller, &reply).bytes();
        let body = sealed_job::seal(&key, epoch, &facts, &reply.body, random.bytes());
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
        let key = self.pair_key(keys, caller, queue).ok_or(OpenError::NotOurs)?;
        let facts = reply_facts(&queue.to_string(), id, caller, &reply).bytes();
        let body = sealed_job::open(&key, &facts, &reply.body).map_err(|_| OpenError::Broken)?;
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
    fn pair_key(
        &self,
        keys: &EpochKeys,
        caller: &WorkerName,
        queue: &QueueName,
    ) -> Option<PairKey> {
        if queue.worker == self.me {
            return keys.own.as_ref().map(|own| own.pair_key(caller, &queue.command));
        }
        let grant = (queue.worker.clone(), queue.command.clone());
        keys.grants.get(&grant).filter(|_| *caller == self.me).cloned()
    }
}

impl From<&QueueKeys> for EpochKeys {
    fn from(sent: &QueueKeys) -> Self {
        let own = sent.own.as_ref().map(|key| CalleeKey::from_bytes(*key.expose()));
        let grants = sent.callees.iter().flat_map(|callee| {
            callee.commands.iter().map(|grant| {
                let key = PairKey::from_bytes(*grant.key.expose());
                ((callee.worker.clone(), grant.command.clone()), key)
            })
        });
        Self { own, grants: grants.collect() }
    }
}

fn key_name(epoch: u64, caller: &WorkerName, queue: &QueueName) -> String {
    KeyName { epoch, caller, callee: &queue.worker, command: &queue.command }.to_string()
}

fn job_facts<'a>(queue: &'a str, job: &'a NewJob) -> JobFacts<'a> {
    JobFacts {
        queue,
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
    }
}

fn reply_facts<'a>(
    queue: &'a str,
    id: JobId,
    caller: &'a WorkerName,
    reply: &Reply,
) -> ReplyFacts<'a> {
    ReplyFacts { queue, id, caller: caller.as_str(), codec: reply.codec }
}
