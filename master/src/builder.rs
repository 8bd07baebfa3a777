//! What a master is started with.

use std::path::PathBuf;
use std::sync::Arc;

use meshwork_schema::Schema;
use meshwork_shared::clock::Clock;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::net::Network;
use meshwork_shared::random::Random;
use tokio::sync::oneshot;

use crate::master::Master;
use crate::registry::RegistryConfig;
use crate::shell::{self, Plan};
use crate::start_error::StartError;
use crate::state::State;

/// A master that is not started yet. Unless told otherwise it uses the sockets, the clock and the
/// randomness of the operating system, keeps its state in the configured folder, and serves HTTP.
#[derive(Debug)]
pub struct MasterBuilder {
    plan: Plan,
}

impl MasterBuilder {
    pub(crate) fn new(schema: Schema, config: MasterConfig) -> Self {
        let mut registry = RegistryConfig::new(config.secret.mesh_id());
        registry.lease = config.lease;
        registry.lost_keep = config.lost_kept;
        let plan = Plan {
            schema: Arc::new(schema),
            state: State::folder(&config.state_dir),
            config,
            registry,
            network: Network::Tcp,
            clock: Clock::system(),
            random: None,
            http: true,
            schema_file: None,
        };
        Self { plan }
    }

    /// Opens its sockets there.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.plan.network = network;
        self
    }

    /// Asks that clock for the time of day.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.plan.clock = clock;
        self
    }

    /// Draws keys from there; by default from the operating system.
    #[must_use]
    pub fn random(mut self, random: Random) -> Self {
        self.plan.random = Some(random);
        self
    }

    /// Keeps there what survives a restart; by default in the configured folder.
    #[must_use]
    pub fn state(mut self, state: State) -> Self {
        self.plan.state = state;
        self
    }

    /// Watches this file for another schema; the master starts with the schema that it was made
    /// with, which is to be what the file says.
    #[must_use]
    pub fn schema_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.plan.schema_file = Some(path.into());
        self
    }

    /// With `false`, no HTTP is served.
    #[must_use]
    pub fn http(mut self, served: bool) -> Self {
        self.plan.http = served;
        self
    }

    /// Changes what the registry goes by, of which the configuration names only the lease and how
    /// long lost members are kept.
    #[must_use]
    pub fn registry(mut self, change: impl FnOnce(&mut RegistryConfig)) -> Self {
        change(&mut self.plan.registry);
        self
    }

    /// Starts the master on a thread of its own; works in any runtime.
    ///
    /// # Errors
    /// [`StartError`]; nothing of it runs.
    pub async fn start(self) -> Result<Master, StartError> {
        let (opened, started) = oneshot::channel();
        let (stop, stopping) = oneshot::channel();
        let (ended, over) = oneshot::channel::<()>();
        let plan = self.plan;
        let run = move || {
            let system = actix_rt::System::new();
            system.block_on(shell::run(plan, opened, stopping));
            drop(system);
            drop(ended);
        };
        let thread = std::thread::Builder::new().name("meshwork-master".to_owned());
        thread.spawn(run).map_err(StartError::Thread)?;
        let opened = started.await.map_err(|_| StartError::Died)??;
        Ok(Master { opened, stop: Some(stop), over })
    }

    /// Starts the master as tasks of the caller's [`LocalSet`](tokio::task::LocalSet) and without
    /// HTTP: no thread, nothing that blocks, no time but tokio's and that of the clock.
    ///
    /// # Errors
    /// [`StartError`]; nothing of it runs.
    ///
    /// # Panics
    /// Outside of a `LocalSet`.
    pub async fn start_in_place(mut self) -> Result<Master, StartError> {
        self.plan.http = false;
        let (opened, started) = oneshot::channel();
        let (stop, stopping) = oneshot::channel();
        let (ended, over) = oneshot::channel::<()>();
        let plan = self.plan;
        tokio::task::spawn_local(async move {
            shell::run(plan, opened, stopping).await;
            drop(ended);
        });
        let opened = started.await.map_err(|_| StartError::Died)??;
        Ok(Master { opened, stop: Some(stop), over })
    }
}
