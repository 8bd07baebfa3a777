//! The canonical form of a schema, and its fingerprint.
//!
//! One schema has one canonical text, whatever file it came from: JSON of the same language, keys
//! in order, no white space. `_mesh` carries the defaults, so that the text means the same to a
//! process with other built-in defaults; a command carries what differs from them. An option that a
//! later version adds is written only where it is set, so that schemas keep their fingerprints.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use blake2::{Blake2s256, Digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};

use crate::command::{
    ATTEMPTS_DEFAULT, BACKLOG_DEFAULT, BACKOFF_DEFAULT, BackoffRange, CommandSchema,
    DONE_KEPT_DEFAULT, Delivery, LEASE_DEFAULT, OnLeave, RUN_TIMEOUT_DEFAULT, TIMEOUT_DEFAULT,
};
use crate::cron::TIMEZONE_DEFAULT;
use crate::duration;
use crate::repeat::{Missed, Repeat, Schedule};
use crate::schema::{Schema, WorkerSchema};

/// BLAKE2s-256 of the canonical text: equal schemas have equal fingerprints. Written as hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Schema {
    /// The canonical text. [`Schema::from_json`] reads it back to an equal schema.
    pub fn canonical_json(&self) -> String {
        let mut root: BTreeMap<&str, Value> = BTreeMap::new();
        root.insert("_mesh", defaults());
        for worker in self.workers() {
            root.insert(worker.name.as_str(), canonical_worker(worker));
        }
        // Sorted maps all the way down, so the order holds with any feature of serde_json.
        json!(root).to_string()
    }

    /// The fingerprint of the canonical text, which is made anew each time: keep it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Blake2s256::digest(self.canonical_json().as_bytes()).into())
    }
}

fn defaults() -> Value {
    json!({
        "attempts": ATTEMPTS_DEFAULT,
        "backlog": BACKLOG_DEFAULT,
        "backoff": backoff_text(BACKOFF_DEFAULT),
        "run_timeout": duration::format(RUN_TIMEOUT_DEFAULT),
        "timeout": duration::format(TIMEOUT_DEFAULT),
    })
}

fn canonical_worker(worker: &WorkerSchema) -> Value {
    let mut commands: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for command in &worker.commands {
        let delivery = match command.delivery {
            Delivery::Balanced => "_balanced",
            Delivery::Broadcast => "_broadcast",
        };
        commands
            .entry(delivery)
            .or_default()
            .insert(command.name.as_str(), json!(canonical_command(command)));
    }
    let mut table: BTreeMap<&str, Value> = BTreeMap::new();
    table.insert("_allow", json!(worker.allow));
    table.insert("_connect", json!(worker.connect));
    if !commands.is_empty() {
        table.insert("_commands", json!(commands));
    }
    json!(table)
}

/// The options that differ from the defaults.
fn canonical_command(command: &CommandSchema) -> BTreeMap<&'static str, Value> {
    let mut options: BTreeMap<&'static str, Value> = BTreeMap::new();
    if command.responds != responds_default(command.delivery, command.queued) {
        options.insert("responds", json!(command.responds));
    }
    if command.queued {
        options.insert("queued", json!(true));
    }
    if command.idempotent {
        options.insert("idempotent", json!(true));
    }
    if let Some(allow) = &command.allow {
        options.insert("allow", json!(allow));
    }
    if let Some(concurrency) = command.concurrency {
        options.insert("concurrency", json!(concurrency));
    }
    if command.timeout != TIMEOUT_DEFAULT {
        options.insert("timeout", json!(duration::format(command.timeout)));
    }
    if command.run_timeout != RUN_TIMEOUT_DEFAULT {
        options.insert("run_timeout", json!(duration::format(command.run_timeout)));
    }
    if command.backlog != BACKLOG_DEFAULT {
        options.insert("backlog", json!(command.backlog));
    }
    if command.attempts != ATTEMPTS_DEFAULT {
        options.insert("attempts", json!(command.attempts));
    }
    if command.backoff != BACKOFF_DEFAULT {
        options.insert("backoff", json!(backoff_text(command.backoff)));
    }
    if command.lease != LEASE_DEFAULT {
        options.insert("lease", json!(duration::format(command.lease)));
    }
    if command.done_kept != DONE_KEPT_DEFAULT {
        options.insert("done_kept", json!(duration::format(command.done_kept)));
    }
    if command.on_leave == OnLeave::Keep {
        options.insert("on_leave", json!("keep"));
    }
    if let Some(repeat) = &command.repeat {
        canonical_repeat(repeat, &mut options);
    }
    options
}

fn canonical_repeat(repeat: &Repeat, options: &mut BTreeMap<&'static str, Value>) {
    match &repeat.schedule {
        Schedule::Every(interval) => {
            options.insert("every", json!(duration::format(*interval)));
        }
        Schedule::Cron(cron) => {
            options.insert("cron", json!(cron.expression()));
            if cron.timezone() != TIMEZONE_DEFAULT {
                options.insert("timezone", json!(cron.timezone()));
            }
        }
    }
    if repeat.missed != Missed::default() {
        options.insert("missed", json!(repeat.missed.as_str()));
    }
}

/// What `responds` means where it is not written. Part of the language, not of `_mesh`.
pub(crate) fn responds_default(delivery: Delivery, queued: bool) -> bool {
    delivery == Delivery::Balanced && !queued
}

/// A backoff range as the schema writes it.
pub(crate) fn backoff_text(range: BackoffRange) -> String {
    format!("{}..{}", duration::format(range.min), duration::format(range.max))
}

// === impl Fingerprint ===

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The text is not 64 hexadecimal digits. Whoever wrote it has to correct it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 hexadecimal digits")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(FingerprintError);
        if text.len() != 64 {
            return Err(FingerprintError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let &[high, low] = pair else {
                return Err(FingerprintError);
            };
            *byte = u8::try_from(digit(high)? * 16 + digit(low)?).map_err(|_| FingerprintError)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
