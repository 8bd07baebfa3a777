//! The mesh that jobs go through: its schema, its master, its workers before they are started.

use bytes::Bytes;
use meshwork_master::{Master, State};
use meshwork_schema::Schema;
use meshwork_shared::config::MasterConfig;
use meshwork_shared::identity::AuthorityKey;
use meshwork_shared::random::Random;
use meshwork_worker::{Builder, Context};

use crate::mesh::{secret, worker as plain};
use crate::{Outcome, child};

/// Bytes of the arguments of a job.
pub(crate) const PAYLOAD: [u8; 64] = [b'x'; 64];

/// Queues of the worker that has nothing to do.
pub(crate) const IDLE_QUEUES: usize = 20;

/// Defaults but for what is measured: 64 jobs at once.
fn schema() -> String {
    let idle = (0..IDLE_QUEUES).map(|nth| format!("q{nth} = {{ queued = true }}\n"));
    let idle: String = idle.collect();
    format!(
        "[runner]\n_allow = [\"producer\"]\n[runner._commands._balanced]\n\
         run = {{ queued = true, concurrency = 64 }}\n\
         [idler]\n[idler._commands._balanced]\n{idle}\
         [producer]\n_connect = [\"runner\"]\n"
    )
}

/// Starts a master.
///
/// # Errors
/// It does not start.
pub(crate) async fn master() -> Outcome<Master> {
    let mut config = MasterConfig::new(secret());
    config.mesh_listen = "127.0.0.1:0".parse()?;
    let builder = Master::builder(Schema::from_toml(&schema())?, config);
    let authority = AuthorityKey::generate(&Random::system());
    Ok(builder.state(State::memory(authority)).http(false).start().await?)
}

/// Starts a master and says where it is; never ends by itself.
///
/// # Errors
/// It does not start.
pub(crate) async fn serve() -> Outcome {
    let master = master().await?;
    child::say(&master.mesh_addr())?;
    std::future::pending().await
}

/// A worker that is not started, with its queues there.
pub(crate) fn worker(name: &str, master: &str, queue: &str) -> Builder {
    plain(name, master, 0).queue(queue)
}

/// One with a queue for each of its many commands, and handlers that nobody needs.
pub(crate) fn idler(master: &str, queue: &str) -> Builder {
    (0..IDLE_QUEUES).fold(worker("idler", master, queue), |builder, nth| {
        builder.handle_raw(&format!("q{nth}"), |_: Context, bytes: Bytes| async move { Ok(bytes) })
    })
}
