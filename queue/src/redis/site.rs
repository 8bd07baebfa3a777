//! Where a queue is in the store, and what its scripts are told with each call.

use bytes::Bytes;
use meshwork_shared::ids::MeshId;
use redis::Cmd;

use super::script::Script;
use crate::limits::{DONE_JOBS_MAX, ENDED_BYTES_SHARE};
use crate::name::QueueName;
use crate::options::QueueOptions;

/// What the keys of a queue are called behind the part they share, in the order in which the
/// scripts know them.
const KEYS: [&str; 18] = [
    "jobs", "meta", "sched", "later", "leases", "hist", "dead", "ended", "wait1", "wait2", "wait3",
    "front1", "front2", "front3", "bundles", "dedupe", "windows", "tills",
];

/// Names the keys of one mesh.
#[derive(Clone, Debug)]
pub(super) struct Prefix(String);

impl Prefix {
    pub(super) fn new(prefix: &str, mesh: MeshId) -> Self {
        Self(format!("{prefix}:{mesh}"))
    }

    /// The key of the set of all queues that ever held a job.
    pub(super) fn queues(&self) -> String {
        format!("{}:queues", self.0)
    }
}

/// The names of one queue.
#[derive(Debug)]
pub(super) struct Site {
    name: String,
    keys: Vec<String>,
    channel: String,
    queues: String,
}

impl Site {
    pub(super) fn new(prefix: &Prefix, name: &QueueName) -> Self {
        // The part in braces decides where it is in a cluster.
        let base = format!("{}:{{{name}}}:", prefix.0);
        let keys = KEYS.iter().map(|key| format!("{base}{key}")).collect();
        let channel = format!("{base}bell");
        Self { name: name.to_string(), keys, channel, queues: prefix.queues() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The channel of the queue's bell.
    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    /// The command that notes that the queue exists.
    pub(super) fn note(&self) -> Cmd {
        self.listing("SADD")
    }

    /// The command that strikes it off again.
    pub(super) fn strike(&self) -> Cmd {
        self.listing("SREM")
    }

    fn listing(&self, what: &'static str) -> Cmd {
        let mut command = redis::cmd(what);
        command.arg(&self.queues).arg(&self.name);
        command
    }
}

/// One call of a script.
pub(super) struct Call<'a> {
    pub(super) site: &'a Site,
    pub(super) options: &'a QueueOptions,
    pub(super) script: &'a Script,
    pub(super) arguments: &'a [Bytes],
}

/// How a script is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Hash,
    /// By its text: the server does not know it yet.
    Source,
}

impl Call<'_> {
    /// As a command. `again`: it was sent before, and nobody knows what came of it.
    pub(super) fn command(&self, by: By, again: bool) -> Cmd {
        let mut command = match by {
            By::Hash => redis::cmd("EVALSHA"),
            By::Source => redis::cmd("EVAL"),
        };
        command.arg(match by {
            By::Hash => &self.script.hash,
            By::Source => self.script.source,
        });
        command.arg(self.site.keys.len());
        command.arg(&self.site.keys);
        command.arg(self.site.channel()).arg(&self.options(again)[..]);
        for argument in self.arguments {
            command.arg(&argument[..]);
        }
        command
    }

    /// What all scripts are told, as they read it: doubles, which hold these numbers exactly.
    fn options(&self, again: bool) -> Vec<u8> {
        let QueueOptions { limits, backoff, .. } = self.options;
        let numbers = [
            u64::from(again),
            u64::from(self.options.attempts.max(1)),
            whole_ms(self.options.lease),
            whole_ms(self.options.done_kept),
            limits.dead_letters_max as u64,
            limits.jobs_max as u64,
            limits.bytes_max as u64,
            DONE_JOBS_MAX as u64,
            (limits.bytes_max / ENDED_BYTES_SHARE) as u64,
            whole_ms(backoff.min),
            whole_ms(backoff.max),
        ];
        numbers.iter().flat_map(|number| (*number as f64).to_be_bytes()).collect()
    }
}

/// Milliseconds, within what the scripts reckon with: a hundred years.
pub(super) fn whole_ms(duration: std::time::Duration) -> u64 {
    const YEARS_100_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;
    u64::try_from(duration.as_millis()).unwrap_or(YEARS_100_MS).min(YEARS_100_MS)
}
