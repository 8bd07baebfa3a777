//! What may be set, before it is checked. The keys of the file and of the environment follow from
//! the fields of these structs; code sets the fields themselves. Unset fields leave the word to the
//! next source.

use std::path::PathBuf;
use std::time::Duration;

use config::ValueKind;
use meshwork_schema::duration;

use super::key::{Key, Section};
use super::secret_text::SecretText;

/// A type that settings have.
trait Setting {
    const IS_SECRET: bool = false;

    /// As a file would say it; `None` for a path that is no text.
    fn value(&self) -> Option<ValueKind>;
}

/// The struct with every field optional, the list of its keys, and its values as a source.
macro_rules! settings {
    (
        $(#[$docs:meta])*
        $name:ident of $section:expr;
        $( $(#[$field_docs:meta])* $field:ident: $kind:ty, )*
        $( => $(#[$nested_docs:meta])* $nested:ident: $nested_kind:ty, )?
    ) => {
        $(#[$docs])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            $( $(#[$field_docs])* pub $field: Option<$kind>, )*
            $( $(#[$nested_docs])* pub $nested: $nested_kind, )?
        }

        impl $name {
            pub(super) const KEYS: &'static [Key] = &[$( Key {
                section: $section,
                name: stringify!($field),
                is_secret: <$kind as Setting>::IS_SECRET,
            } ),*];

            /// What is set here; a value is `None` if it cannot be told as text.
            pub(super) fn values(&self) -> Vec<(&'static Key, Option<ValueKind>)> {
                let set = [$( self.$field.as_ref().map(Setting::value) ),*];
                let set = Self::KEYS.iter().zip(set);
                let values = set.filter_map(|(key, value)| Some((key, value?)));
                $( let values = values.chain(self.$nested.values()); )?
                values.collect()
            }
        }
    };
}

settings! {
    /// Settings of a worker, as given in code. [`WorkerConfig`](super::WorkerConfig) is what comes
    /// of them together with file and environment.
    WorkerSettings of Section::Worker;
    /// What kind of process it is: a worker of the schema. Unset: that of the join key.
    worker: String,
    /// Name of this instance. Unset: generated at start.
    variant: String,
    /// Where the master is: `http://host:port` (its HTTP port) or `host:port` (its mesh port).
    master: String,
    /// Text of the mesh secret. Whoever has it may claim any name; deploy join keys instead.
    secret: SecretText,
    /// File (mode 0600) that holds the mesh secret.
    secret_file: PathBuf,
    /// The mesh secret before the last rotation, tried too.
    secret_previous: SecretText,
    /// File (mode 0600) that holds the mesh secret before the last rotation.
    secret_previous_file: PathBuf,
    /// Text of the join key of this worker name.
    join_key: SecretText,
    /// File (mode 0600) that holds the join key.
    join_key_file: PathBuf,
    /// Address and port to listen on; default `0.0.0.0:0`, any free port.
    listen: String,
    /// Address and port of its own HTTP (health, readiness, metrics); port 0 for any free one.
    /// Unset: none is served.
    http_listen: String,
    /// Where peers reach it, best first, at most 8 `host:port`. Unset: the local address of its
    /// link to the master, with the port that it listens on.
    advertise: Vec<String>,
    /// Public key of the only master to trust (`authority1_...`).
    authority: String,
    /// Where the first master seen is remembered, so that later starts trust no other. Unset: it is
    /// remembered while the process runs.
    authority_file: PathBuf,
    /// Refuse a master that nothing vouches for, instead of trusting the first one; default false.
    strict: bool,
    /// File (mode 0600) that keeps the key of this process, made if missing. Unset: a new one at
    /// each start.
    identity_file: PathBuf,
    /// Threads that carry links; 0 puts them on the caller's. Unset: a core each, at most 4.
    lanes: usize,
    /// Longest time that running handlers have to finish at shutdown; default 25 s.
    grace: Duration,
    /// Refuse to start if a command of the schema has no handler; default false (a warning).
    strict_handlers: bool,
    /// How many calls of a blocking command run at once where the schema does not say, for each
    /// such command by itself. Unset: one per core.
    blocking_concurrency: usize,
    /// Where queues are kept: `memory` (the default), or the address of a store, such as
    /// `redis://host:6379/0?prefix=shop` or `file:/var/lib/shop/jobs.db`.
    queue: String,
    /// How long no member may have the name of an instance before its jobs become dead letters;
    /// default 10 min. Not for queues in memory.
    leave_after: Duration,
    /// Calls that take longer are told of in the log; default 1 s, `0s` for none.
    slow_call: Duration,
    /// Of the calls that nothing else caused, one in so many is traced; default 100, 0 for none.
    trace_one_in: usize,
    /// Where spans are sent by OTLP over HTTP, as `http://host:4318`; only by programs that are
    /// built with the feature `otlp`. Unset: nowhere.
    otlp_endpoint: String,
    /// Count calls and how long they take; default true.
    metrics: bool,
    /// What is logged, in the form of `RUST_LOG`, which wins over it.
    log: String,
    /// Form of the lines of the log: `human` (the default) or `json`.
    log_format: String,
    =>
    /// Bounds of links and messages.
    limits: LimitsSettings,
}

settings! {
    /// Settings of a master, as given in code. [`MasterConfig`](super::MasterConfig) is what comes
    /// of them together with file and environment.
    MasterSettings of Section::Master;
    /// The schema of the mesh.
    schema_file: PathBuf,
    /// Text of the mesh secret.
    secret: SecretText,
    /// File (mode 0600) that holds the mesh secret.
    secret_file: PathBuf,
    /// The mesh secret before the last rotation, still accepted.
    secret_previous: SecretText,
    /// File (mode 0600) that holds the mesh secret before the last rotation.
    secret_previous_file: PathBuf,
    /// Address and port where workers join; default `0.0.0.0:7070`, port 0 for any free one.
    mesh_listen: String,
    /// Address and port of the HTTP side; default `127.0.0.1:7071`, port 0 for any free one.
    http_listen: String,
    /// Where workers reach its mesh port, best first, at most 8 `host:port`. Unset: the host that
    /// the asking worker used, with the port that it listens on.
    advertise: Vec<String>,
    /// Folder of its authority key, high-water marks, roots of queues, the schema in force and the
    /// admin token; default `meshwork-state` in the working directory. Made if missing; back it up.
    state_dir: PathBuf,
    /// Token that the HTTP side asks for. Unset: made at the first start, in the state folder.
    admin_token: SecretText,
    /// File (mode 0600) that holds the token.
    admin_token_file: PathBuf,
    /// How long workers go on dialing a member that the master has lost; default 15 s. A master
    /// that starts waits twice as long for the members of before.
    lease: Duration,
    /// Admit with join keys only, not with the mesh secret itself; default false.
    join_keys_only: bool,
    /// How long a lost member stays on the list of members; default 10 min.
    lost_kept: Duration,
    /// Where the workers keep their queues, for the dashboard to show and retry; default: it does
    /// not look.
    queue: String,
    /// Answer HTTP without a token; default false, and only on a loopback address.
    open: bool,
    /// What is logged, in the form of `RUST_LOG`, which wins over it.
    log: String,
    /// Form of the lines of the log: `human` (the default) or `json`.
    log_format: String,
    =>
    /// Bounds of links and messages.
    limits: LimitsSettings,
}

settings! {
    /// Bounds of links and messages, as given in code; [`Limits`](crate::limits::Limits) tells what
    /// each is and what happens there.
    LimitsSettings of Section::Limits;
    /// Largest frame, bytes; default 256 KiB.
    frame_bytes_max: usize,
    /// Largest message, bytes; default 8 MiB.
    message_bytes_max: usize,
    /// Bytes of all large messages being received on a link; default 16 MiB, and always one
    /// message.
    reassembly_bytes_max: usize,
    /// Calls of one end in flight on a link; default 10 000.
    calls_in_flight_max: usize,
    /// Bytes of requests waiting to be taken into a link; default 64 MiB, and always one message.
    queued_bytes_max: usize,
    /// Silence before a PING; default 5 s.
    ping_after: Duration,
    /// Silence before a link is taken for dead; default 15 s.
    dead_after: Duration,
    /// A write that moves no byte for this long closes the link; default 10 s.
    stalled_write: Duration,
    /// Bytes waiting to be written on a link; default 64 MiB, and always one message.
    write_bytes_max: usize,
    =>
    /// Bounds of connections that are not links yet.
    handshake: HandshakeSettings,
}

settings! {
    /// Bounds of connections that are not links yet, as given in code;
    /// [`HandshakeLimits`](crate::limits::HandshakeLimits) tells what happens at each.
    HandshakeSettings of Section::Handshake;
    /// Time for the first message; default 2 s.
    first_message_within: Duration,
    /// Time for the whole handshake; default 5 s.
    done_within: Duration,
    /// Half-open connections in all; default 512.
    half_open_max: usize,
    /// Half-open connections of one prefix; default 32.
    half_open_per_prefix_max: usize,
    /// Connections a second of one prefix without a valid first message; default 50.
    unproven_per_second_max: u32,
    /// How many of those may come at once; default 100.
    unproven_burst_max: u32,
    /// Failed handshakes a minute of one prefix; default 10.
    failures_per_minute_max: u32,
    /// First penalty of a prefix, doubled each time; default 60 s.
    penalty_min: Duration,
    /// Longest penalty; default 15 min.
    penalty_max: Duration,
    /// Handshakes a second with a valid first message; default 1000.
    proven_per_second_max: u32,
    /// Ranges of addresses (`10.0.0.0/8`) that no limit of a prefix holds for; default none.
    exempt: Vec<String>,
}

// === impl Setting ===

impl Setting for String {
    fn value(&self) -> Option<ValueKind> {
        Some(ValueKind::String(self.clone()))
    }
}

impl Setting for SecretText {
    const IS_SECRET: bool = true;

    fn value(&self) -> Option<ValueKind> {
        Some(ValueKind::String(self.expose().to_owned()))
    }
}

impl Setting for PathBuf {
    fn value(&self) -> Option<ValueKind> {
        Some(ValueKind::String(self.to_str()?.to_owned()))
    }
}

impl Setting for bool {
    fn value(&self) -> Option<ValueKind> {
        Some(ValueKind::Boolean(*self))
    }
}

impl Setting for usize {
    fn value(&self) -> Option<ValueKind> {
        Some(ValueKind::U64(*self as u64))
    }
}

impl Setting for u32 {
    fn value(&self) -> Option<ValueKind> {
        Some(ValueKind::U64(u64::from(*self)))
    }
}

impl Setting for Duration {
    fn value(&self) -> Option<ValueKind> {
        // Whole milliseconds are what a file can say; less than one must not become none.
        let ms = self.as_nanos().div_ceil(1_000_000);
        let whole = Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX));
        Some(ValueKind::String(duration::format(whole)))
    }
}

impl Setting for Vec<String> {
    fn value(&self) -> Option<ValueKind> {
        Some(ValueKind::Array(self.iter().map(|text| text.clone().into()).collect()))
    }
}
