//! What an operator can set about the registry.

use std::time::Duration;

use meshwork_shared::ids::MeshId;
use meshwork_shared::protocol::limits;

/// What an operator can set about the registry; [`RegistryConfig::new`] has the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryConfig {
    /// The mesh that tickets are for.
    pub mesh: MeshId,
    /// How long peers redial a lost member; two of them make the rebuild window. Default 15 s.
    /// Longer is kinder to slow restarts, shorter forgets the dead sooner.
    pub lease: Duration,
    /// How long a lost member stays in views. Default 10 min.
    pub lost_keep: Duration,
    /// How long the holder of a variant has to show that it lives. Default 2 s.
    pub probe_timeout: Duration,
    /// Changes within this time go out together; the first after a quiet while goes at once.
    /// Default 20 ms; 0 sends each on its own.
    pub delta_delay: Duration,
    /// How long an epoch of the link secret lasts. Default 24 h; a worker without a master can
    /// make new links for at least that long.
    pub link_epoch: Duration,
    /// Members of the mesh, lost ones included. Default 10 000; a join beyond is refused `Full`.
    pub members_max: usize,
    /// Members of one worker, lost ones included. Default 10 000; a join beyond is refused `Full`.
    pub worker_members_max: usize,
    /// Removed variants that are remembered. Default 4096; the oldest is forgotten.
    pub history_max: usize,
}

impl RegistryConfig {
    /// The defaults, for `mesh`.
    pub fn new(mesh: MeshId) -> Self {
        Self {
            mesh,
            lease: Duration::from_secs(15),
            lost_keep: Duration::from_secs(600),
            probe_timeout: Duration::from_secs(2),
            delta_delay: Duration::from_millis(20),
            link_epoch: Duration::from_secs(24 * 60 * 60),
            members_max: limits::MEMBERS_MAX,
            worker_members_max: limits::MEMBERS_MAX,
            history_max: 4096,
        }
    }

    /// How long a master that has just started removes nobody for having been silent.
    pub fn rebuild_window(&self) -> Duration {
        self.lease * 2
    }
}
