//! The queue roots at work: keys for a worker, a new root, old ones forgotten.

use actix::{Context, Handler};
use meshwork_schema::WorkerName;
use meshwork_shared::protocol::QueueKeys;
use meshwork_shared::secret::QueueRoot;

use super::messages::{ForgetQueueRoots, RotateQueueRoot};
use super::{Event, RegistryActor, SessionId};
use crate::queue_roots::{QueueRootStatus, RotateError};
use crate::registry::Audit;

impl RegistryActor {
    /// The newest keys of queued jobs that the schema gives `worker`.
    pub(super) fn newest_queue_keys(&mut self, worker: &WorkerName) -> Option<Box<QueueKeys>> {
        let schema = self.registry.schema().0;
        self.parts.queue_roots.keys_of(worker, schema).first().cloned().map(Box::new)
    }

    /// Sends a worker its keys of queued jobs, newest epoch first; those that its welcome had are
    /// left out for one that is just let in.
    pub(super) fn send_queue_keys(
        &mut self,
        session: SessionId,
        worker: &WorkerName,
        is_welcomed: bool,
    ) {
        let schema = self.registry.schema().0;
        let keys = self.parts.queue_roots.keys_of(worker, schema);
        for keys in keys.iter().skip(usize::from(is_welcomed)) {
            self.sessions.cast(session, keys);
        }
    }

    /// Forgets the roots whose time is over.
    pub(super) fn forget_aged_roots(&mut self, ctx: &mut Context<Self>) {
        let unix_ms = self.parts.clock.unix_ms();
        let Some(roots) = self.parts.queue_roots.without_aged(unix_ms) else { return };
        if let Err(error) = self.go_on_with(roots, ctx) {
            log::error!("an old queue root is kept for longer than it should be: {error}");
        }
    }

    /// Writes the roots down, and only then tells the workers of them.
    fn go_on_with(
        &mut self,
        roots: Vec<QueueRoot>,
        ctx: &mut Context<Self>,
    ) -> Result<QueueRootStatus, RotateError> {
        self.parts.state.keep_roots(&roots, &self.parts.random)?;
        self.parts.queue_roots.set(roots);
        self.feed(Event::QueueRootsChanged, ctx);
        let status = self.parts.queue_roots.status();
        let audit = Audit::QueueRoots { epoch: status.epoch, kept: status.kept.len() };
        self.audit(audit);
        Ok(status)
    }
}

impl Handler<RotateQueueRoot> for RegistryActor {
    type Result = Result<QueueRootStatus, RotateError>;

    fn handle(&mut self, _: RotateQueueRoot, ctx: &mut Context<Self>) -> Self::Result {
        let unix_ms = self.parts.clock.unix_ms();
        let roots = self.parts.queue_roots.rotated(unix_ms, &self.parts.random)?;
        self.go_on_with(roots, ctx)
    }
}

impl Handler<ForgetQueueRoots> for RegistryActor {
    type Result = Result<QueueRootStatus, RotateError>;

    fn handle(&mut self, _: ForgetQueueRoots, ctx: &mut Context<Self>) -> Self::Result {
        let newest = self.parts.queue_roots.newest();
        self.go_on_with(newest, ctx)
    }
}
