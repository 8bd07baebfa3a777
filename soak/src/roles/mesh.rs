//! The mesh of the soak: its schema, its one command, its workers before they are started.

use std::time::Duration;

use meshwork_shared::random::Random;
use meshwork_shared::secret::MeshSecret;
use meshwork_worker::{Builder, Command, Sources, Worker};
use serde::{Deserialize, Serialize};

use crate::arguments::MeshArguments;

/// Each kill of a worker, and each outage of Redis that outlasts a lease, costs the jobs that were
/// leased at that moment an attempt. With as many attempts as a schema may give, chance makes no
/// dead letter; a job that is one all the same was lost track of.
pub(crate) const SCHEMA: &str = r#"
[runner]
_allow = ["producer"]
[runner._commands._balanced]
work = { queued = true, attempts = 1000, backoff = "20ms..200ms", lease = "1s", concurrency = 8 }

[producer]
_connect = ["runner"]
"#;

/// How long a worker waits for the master; all share two busy cores in CI.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A job: nothing but its number.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) number: u32,
}

impl Command for Work {
    const WORKER: &'static str = "runner";
    const NAME: &'static str = "work";
    type Reply = ();
}

/// A worker that is not started.
pub(crate) fn worker(name: &str, variant: &str, arguments: &MeshArguments) -> Builder {
    Worker::builder(name)
        // Only what stands here counts, whatever the environment says.
        .sources(Sources::nothing())
        .master(&arguments.master)
        .secret(secret().expose_text().as_str())
        .variant(variant)
        .listen("127.0.0.1:0")
        .queue(&arguments.queue)
        .ready_within(READY_WITHIN)
}

/// The same in all processes, and worth nothing outside of them.
pub(crate) fn secret() -> MeshSecret {
    MeshSecret::generate(&Random::seeded(1))
}
