//! What user code wants to be told of.

use std::sync::Arc;

use meshwork_shared::protocol::MemberKey;

use crate::jobs::event::JobEvent;
use crate::worker::Identity;

type Hook<T> = Arc<dyn Fn(T) + Send + Sync>;

/// Told of what happens to jobs, on the task that runs the job.
pub(crate) type JobHook = Hook<JobEvent>;

/// A peer that was linked, and why it no longer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnection {
    /// Worker and variant.
    pub peer: MemberKey,
    /// Why the link ended.
    pub reason: String,
}

/// The hooks of a worker. They run on the worker's control and must not block.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) mesh: Vec<Hook<Identity>>,
    pub(crate) connection: Vec<Hook<MemberKey>>,
    pub(crate) disconnection: Vec<Hook<Disconnection>>,
    pub(crate) job: Vec<JobHook>,
}

impl Hooks {
    pub(crate) fn joined(&self, identity: &Identity) {
        self.mesh.iter().for_each(|hook| hook(identity.clone()));
    }

    pub(crate) fn connected(&self, peer: &MemberKey) {
        self.connection.iter().for_each(|hook| hook(peer.clone()));
    }

    pub(crate) fn disconnected(&self, peer: &MemberKey, reason: &str) {
        let told = Disconnection { peer: peer.clone(), reason: reason.to_owned() };
        self.disconnection.iter().for_each(|hook| hook(told.clone()));
    }
}
