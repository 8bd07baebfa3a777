//! The master of the mesh. It is not killed here: durable jobs need it for the keys of new
//! processes only.

use meshwork_master::{Master, State};
use meshwork_schema::Schema;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::identity::AuthorityKey;
use meshwork_shared::logging;
use meshwork_shared::random::Random;

use super::mesh::{SCHEMA, secret};
use super::{runtime, say, told};
use crate::Outcome;

/// Runs until the soak is gone; says where it listens.
///
/// # Errors
/// It does not start.
pub(crate) fn run() -> Outcome {
    logging::init(None);
    let _told = told()?;
    runtime()?.block_on(async {
        let mut config = MasterConfig::new(secret());
        config.mesh_listen = "127.0.0.1:0".parse()?;
        let builder = Master::builder(Schema::from_toml(SCHEMA)?, config);
        let authority = AuthorityKey::generate(&Random::system());
        let master = builder.state(State::memory(authority)).http(false).start().await?;
        say(master.mesh_addr());
        std::future::pending().await
    })
}
