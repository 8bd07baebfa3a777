//! The processes of a measurement: Redis and master on the servers' core, producer and worker on
//! the clients'. All are started anew for each.

use std::path::Path;
use std::time::Duration;

use super::arguments::Role;
use super::measure::Measure;
use super::redis::Redis;
use crate::Outcome;
use crate::child::{CLIENT_CORE, Placement, Running, SERVER_CORE};

/// How long a process may take to be ready.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(60);

/// Room for more than a million waiting jobs of 64 B with what is kept beside them.
const ROOM_FOR_A_MILLION: &str = "?jobs_max=2000000&bytes_max=4294967296";

/// A Redis server, and a master if there are workers.
pub(crate) struct Site {
    redis: Option<Redis>,
    master: Option<Running>,
    address: String,
    /// What the address of the queues says of their room.
    room: &'static str,
}

impl Site {
    /// Starts what a measure needs.
    pub(crate) fn start(measure: Measure) -> Outcome<Self> {
        let in_memory = matches!(measure, Measure::Memory | Measure::MemoryWorker);
        let redis = if in_memory { None } else { Some(Redis::start()?) };
        let room = if measure == Measure::Million { ROOM_FOR_A_MILLION } else { "" };
        let mut site = Self { redis, master: None, address: String::new(), room };
        let has_mesh = !in_memory
            && !matches!(measure, Measure::Bare | Measure::BareDeep)
            && !measure.is_peer();
        if has_mesh {
            let mut master = site.role_on(SERVER_CORE, Role::Master, &[])?;
            site.address = master.line_within(READY_WITHIN)?;
            site.master = Some(master);
        }
        Ok(site)
    }

    /// The server.
    pub(crate) fn redis(&self) -> Outcome<&Redis> {
        Ok(self.redis.as_ref().ok_or("this measure has no Redis")?)
    }

    /// A process in this role, which need not be ready.
    pub(crate) fn role(&self, role: Role, more: &[(&str, String)]) -> Outcome<Running> {
        self.role_on(CLIENT_CORE, role, more)
    }

    /// The same of one that says `true` when it is ready, which is waited for.
    pub(crate) fn ready_role(&self, role: Role, more: &[(&str, String)]) -> Outcome<Running> {
        ready(self.role(role, more)?)
    }

    fn role_on(&self, core: usize, role: Role, more: &[(&str, String)]) -> Outcome<Running> {
        let mut arguments = vec!["queue-role".to_owned(), "--role".to_owned(), role.name()];
        let url = |redis: &Redis| redis.url() + self.room;
        let queue = self.redis.as_ref().map_or("memory".to_owned(), url);
        let own = [("--queue", queue), ("--master", self.address.clone())];
        let all = own.iter().chain(more);
        arguments.extend(all.flat_map(|(name, value)| [(*name).to_owned(), value.clone()]));
        Running::start(None, Placement { core, nice: false }, &arguments)
    }
}

/// A process of somebody else's program.
pub(crate) fn foreign(program: &Path, arguments: &[String]) -> Outcome<Running> {
    let placement = Placement { core: CLIENT_CORE, nice: false };
    ready(Running::start(Some(program), placement, arguments)?)
}

fn ready(mut running: Running) -> Outcome<Running> {
    let _: bool = running.line_within(READY_WITHIN)?;
    Ok(running)
}
