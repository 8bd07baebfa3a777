//! The master's process: started with its host, stopped by a crash.

use std::sync::Arc;
use std::time::Duration;

use meshwork_master::Master;
use meshwork_schema::Schema;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::net::Network;

use super::host::{Ground, Host};
use crate::tasks::{self, SCHEMA};

/// Where workers join.
pub(super) const MESH_PORT: u16 = 7070;

/// How often the journal asks whom the master knows.
const ASK_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(ground: Arc<Ground>, host: Arc<Host>) -> turmoil::Result {
    let life = host.live(&ground);
    let schema = Schema::from_toml(SCHEMA).map_err(|mistakes| mistakes.to_string())?;
    let mut config = MasterConfig::new(ground.secret.clone());
    config.mesh_listen.set_port(MESH_PORT);
    let master = Master::builder(schema, config)
        .network(Network::Simulated)
        .clock(life.clock)
        .random(life.random)
        .state(ground.state())
        .start_in_place()
        .await?;
    ground.journal.say(&format!("the master starts, life {}", life.number));
    loop {
        let known = master.members().await?;
        let lines = known.members.iter().map(|info| {
            let member = &info.member;
            format!("{} {} {}", member.key, member.incarnation.0, member.status)
        });
        ground.journal.members(lines.collect());
        tokio::select! {
            biased;
            () = ground.rules_changed.notified() => {
                master.reload_schema_toml(&tasks::schema(ground.rules())).await?;
            }
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
    }
}
