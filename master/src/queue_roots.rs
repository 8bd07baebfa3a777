//! The queue roots, and the keys of queued jobs that each worker gets of them. Pure: when a root is
//! made and where it is kept is the registry actor's business.
//!
//! The newest root is the one to seal with. Those before it still open what waits in a store, which
//! the master does not see; so they are kept for [`KEPT_FOR`] after the next one was made, at most
//! [`QUEUE_ROOTS_MAX`] in all, unless an operator who knows that nothing names them any more has
//! them forgotten.

use std::time::Duration;

use meshwork_schema::{Schema, WorkerName};
use meshwork_shared::ids::MeshId;
use meshwork_shared::protocol::limits::QUEUE_ROOTS_MAX;
use meshwork_shared::protocol::{CalleeGrants, CommandGrant, QueueKeys, SecretBinary};
use meshwork_shared::random::Random;
use meshwork_shared::secret::QueueRoot;
use thiserror::Error;

use crate::state::StateError;

/// How long a root opens jobs after the next one was made.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The roots that are kept. Debug shows no key.
#[derive(Debug)]
pub(crate) struct QueueRoots {
    mesh: MeshId,
    /// Oldest first; never empty.
    roots: Vec<QueueRoot>,
    /// The keys given out last: whoever is told goes through the members by worker.
    last: Option<(WorkerName, Vec<QueueKeys>)>,
}

/// Which roots there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRootStatus {
    /// The epoch that jobs are sealed under: the unix millisecond at which its root was made, or
    /// one more than the epoch before.
    pub epoch: u64,
    /// All epochs that still open jobs, oldest first.
    pub kept: Vec<u64>,
}

/// Why no new queue root was made, or no old one forgotten; nothing has changed.
#[derive(Debug, Error)]
pub enum RotateError {
    /// As many roots are kept as may be, all of them younger than 90 days. See that no job names
    /// the old ones any more, have them forgotten, and try again.
    #[error(
        "{limit} queue roots are kept already; see that no job waits under the old ones and have \
         them forgotten first"
    )]
    Full {
        /// How many there may be.
        limit: usize,
    },
    /// They could not be written down; with a root that a restart forgets, jobs would be lost.
    #[error(transparent)]
    State(#[from] StateError),
}

impl QueueRoots {
    /// The roots that were kept, oldest first; at least one.
    pub(crate) fn new(mesh: MeshId, roots: Vec<QueueRoot>) -> Self {
        Self { mesh, roots, last: None }
    }

    /// Which there are.
    pub(crate) fn status(&self) -> QueueRootStatus {
        let kept: Vec<u64> = self.roots.iter().map(QueueRoot::epoch).collect();
        QueueRootStatus { epoch: kept.last().copied().unwrap_or_default(), kept }
    }

    /// The roots as they are with a new one, to be kept and then [`set`](Self::set).
    pub(crate) fn rotated(
        &self,
        unix_ms: u64,
        random: &Random,
    ) -> Result<Vec<QueueRoot>, RotateError> {
        let mut roots = self.without_aged(unix_ms).unwrap_or_else(|| self.roots.clone());
        if roots.len() >= QUEUE_ROOTS_MAX {
            return Err(RotateError::Full { limit: QUEUE_ROOTS_MAX });
        }
        let after = roots.last().map_or(0, |newest| newest.epoch().saturating_add(1));
        roots.push(QueueRoot::generate(unix_ms.max(after), random));
        Ok(roots)
    }

    /// The newest alone, to be kept and then [`set`](Self::set).
    pub(crate) fn newest(&self) -> Vec<QueueRoot> {
        self.roots.last().into_iter().cloned().collect()
    }

    /// The roots without those that were followed by another too long ago, to be kept and then
    /// [`set`](Self::set); `None` if there is no such.
    pub(crate) fn without_aged(&self, unix_ms: u64) -> Option<Vec<QueueRoot>> {
        let kept_ms = u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX);
        let followed = self.roots.iter().skip(1).map(QueueRoot::epoch);
        let aged = followed.take_while(|epoch| epoch.saturating_add(kept_ms) <= unix_ms).count();
        (aged > 0).then(|| self.roots[aged..].to_vec())
    }

    /// Goes on with these.
    pub(crate) fn set(&mut self, roots: Vec<QueueRoot>) {
        self.roots = roots;
        self.last = None;
    }

    /// Another schema is in force: who may call whom is not what it was.
    pub(crate) fn schema_changed(&mut self) {
        self.last = None;
    }

    /// The keys that `schema` gives `worker`, newest epoch first.
    pub(crate) fn keys_of(&mut self, worker: &WorkerName, schema: &Schema) -> &[QueueKeys] {
        if self.last.as_ref().is_none_or(|(of, _)| of != worker) {
            let kept = self.status().kept;
            let roots = self.roots.iter().rev();
            let keys = roots.map(|root| keys(root, &kept, &self.mesh, worker, schema)).collect();
            self.last = Some((worker.clone(), keys));
        }
        self.last.as_ref().map_or(&[], |(_, keys)| keys)
    }
}

fn keys(
    root: &QueueRoot,
    kept: &[u64],
    mesh: &MeshId,
    worker: &WorkerName,
    schema: &Schema,
) -> QueueKeys {
    let has_queued = schema
        .worker(worker.as_str())
        .is_some_and(|own| own.commands.iter().any(|command| command.queued));
    let own = has_queued.then(|| {
        let key = root.callee_key(mesh, worker);
        SecretBinary::new(*key.expose_bytes())
    });
    // Its own jobs it seals with the key above.
    let others = schema.workers().iter().filter(|callee| callee.name != *worker);
    let callees = others.filter(|callee| schema.linked(worker.as_str(), callee.name.as_str()));
    let grants = callees.filter_map(|callee| {
        let key = root.callee_key(mesh, &callee.name);
        let callable = callee.commands.iter().filter(|c| c.queued && c.admits(worker.as_str()));
        let commands: Vec<_> = callable
            .map(|command| {
                let key = key.pair_key(worker, &command.name);
                let key = SecretBinary::new(*key.expose_bytes());
                CommandGrant { command: command.name.clone(), key }
            })
            .collect();
        let worker = callee.name.clone();
        (!commands.is_empty()).then_some(CalleeGrants { worker, commands })
    });
    QueueKeys { kept: kept.to_vec(), epoch: root.epoch(), own, callees: grants.collect() }
}

#[cfg(test)]
mod tests;
