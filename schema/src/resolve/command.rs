//! The options of a command, and what they come to together.

use std::time::Duration;

use super::Resolver;
use crate::access::Access;
use crate::canonical::responds_default;
use crate::command::{
    ATTEMPTS_DEFAULT, BACKOFF_DEFAULT, BackoffRange, CommandSchema, DONE_KEPT_DEFAULT, Delivery,
    LEASE_DEFAULT, OnLeave, RUN_TIMEOUT_DEFAULT,
};
use crate::document::{Entry, Table, Value};
use crate::limits::{ATTEMPTS_MAX, BACKLOG_MAX, CONCURRENCY_MAX};
use crate::mistake::MistakeKind;
use crate::names::CommandName;
use crate::quote::quote;
use crate::repeat::Repeat;

const OPTIONS: [&str; 17] = [
    "responds",
    "queued",
    "timeout",
    "run_timeout",
    "idempotent",
    "allow",
    "concurrency",
    "backlog",
    "attempts",
    "backoff",
    "lease",
    "done_kept",
    "every",
    "cron",
    "timezone",
    "missed",
    "on_leave",
];

/// Options that only a job can have.
const QUEUE_OPTIONS: [&str; 10] = [
    "run_timeout",
    "attempts",
    "backoff",
    "lease",
    "done_kept",
    "every",
    "cron",
    "timezone",
    "missed",
    "on_leave",
];

/// Shortest lease and memory of what is done.
const KEPT_MIN: Duration = Duration::from_secs(1);

/// What a command, or the whole mesh, says; `None` where it says nothing.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) responds: Option<bool>,
    pub(super) queued: Option<bool>,
    pub(super) idempotent: Option<bool>,
    pub(super) allow: Option<Access>,
    pub(super) timeout: Option<Duration>,
    pub(super) run_timeout: Option<Duration>,
    pub(super) concurrency: Option<u32>,
    pub(super) backlog: Option<u32>,
    pub(super) attempts: Option<u32>,
    pub(super) backoff: Option<BackoffRange>,
    pub(super) lease: Option<Duration>,
    pub(super) done_kept: Option<Duration>,
    pub(super) repeat: Option<Repeat>,
    pub(super) on_leave: Option<OnLeave>,
}

impl Resolver<'_, '_> {
    /// Reads the options of a command.
    pub(super) fn options(&mut self, table: &Table<'_>, delivery: Delivery) -> Options {
        let mut options = Options::default();
        for entry in &table.entries {
            match &*entry.key {
                "responds" => options.responds = self.boolean(entry),
                "queued" => options.queued = self.boolean(entry),
                "idempotent" => options.idempotent = self.boolean(entry),
                "allow" => options.allow = self.access(entry),
                "on_leave" => options.on_leave = self.on_leave(entry, delivery),
                // Read below: they depend on each other.
                "every" | "cron" | "timezone" | "missed" => {}
                _ if self.shared_option(entry, &mut options) => {}
                _ => self.unknown(entry, "an option of a command", &OPTIONS, "leave it out"),
            }
        }
        let is_queued = self.check_queue_options(table);
        options.repeat = self.repeat(table, is_queued);
        options
    }

    /// Reads an option that `_mesh` can set too; false if it is none.
    pub(super) fn shared_option(&mut self, entry: &Entry<'_>, options: &mut Options) -> bool {
        match &*entry.key {
            "timeout" => options.timeout = self.duration(entry),
            "run_timeout" => options.run_timeout = self.duration(entry),
            "concurrency" => {
                let zero = "nothing could ever run";
                options.concurrency = self.number(entry, 1..=CONCURRENCY_MAX, zero);
            }
            "backlog" => options.backlog = self.number(entry, 0..=BACKLOG_MAX, ""),
            "attempts" => {
                let zero = "the first run counts, 1 means that none follows";
                options.attempts = self.number(entry, 1..=ATTEMPTS_MAX, zero);
            }
            "backoff" => options.backoff = self.backoff(entry),
            "lease" => {
                let short = "a pause of the process would cost it its jobs";
                options.lease = self.duration_from(entry, KEPT_MIN, short);
            }
            "done_kept" => {
                let short = "a job that is sent twice would run twice";
                options.done_kept = self.duration_from(entry, KEPT_MIN, short);
            }
            _ => return false,
        }
        true
    }

    /// Options of jobs need `queued = true`; silent ones would look as if they worked. Answers
    /// whether they may stand there.
    fn check_queue_options(&mut self, table: &Table<'_>) -> bool {
        let queued = match table.entry("queued").map(|entry| &entry.node.value) {
            None | Some(Value::Boolean(false)) => false,
            // A value of the wrong type is a mistake of its own.
            Some(_) => true,
        };
        if queued {
            return true;
        }
        for entry in table.entries.iter().filter(|e| QUEUE_OPTIONS.contains(&&*e.key)) {
            let message = format!("{} needs a queued command", quote(&entry.key));
            let help = match &*entry.key {
                "run_timeout" => {
                    "set `queued` to true, or write `timeout` for the deadline of a call"
                }
                _ => "set `queued` to true, or leave it out",
            };
            let span = &entry.key_span;
            self.mistakes.add(MistakeKind::Combination, span, message, help.to_owned());
        }
        false
    }

    /// Settles what the command does not say.
    pub(super) fn command(
        &self,
        name: CommandName,
        delivery: Delivery,
        options: Options,
    ) -> CommandSchema {
        let mesh = &self.defaults;
        let queued = options.queued.unwrap_or(false);
        let mut command = CommandSchema {
            name,
            delivery,
            responds: options.responds.unwrap_or(responds_default(delivery, queued)),
            queued,
            timeout: options.timeout.unwrap_or(mesh.timeout),
            run_timeout: RUN_TIMEOUT_DEFAULT,
            idempotent: options.idempotent.unwrap_or(false),
            allow: options.allow,
            concurrency: options.concurrency,
            backlog: options.backlog.unwrap_or(mesh.backlog),
            attempts: ATTEMPTS_DEFAULT,
            backoff: BACKOFF_DEFAULT,
            lease: LEASE_DEFAULT,
            done_kept: DONE_KEPT_DEFAULT,
            repeat: None,
            on_leave: OnLeave::default(),
        };
        // What has no meaning stays the same in every command, so that equal schemas are equal.
        if queued {
            command.run_timeout = options.run_timeout.unwrap_or(mesh.run_timeout);
            command.attempts = options.attempts.unwrap_or(mesh.attempts);
            command.backoff = options.backoff.unwrap_or(mesh.backoff);
            command.lease = options.lease.unwrap_or(mesh.lease);
            command.done_kept = options.done_kept.unwrap_or(mesh.done_kept);
            command.repeat = options.repeat;
            command.on_leave = options.on_leave.unwrap_or_default();
        } else {
            // A queue keeps its order unless the command itself gives that up.
            command.concurrency = options.concurrency.or(mesh.concurrency);
        }
        command
    }
}
