//! Bounds of a schema. Each is named with its unit; over it the file is refused at load.

/// Longest schema text, and longest canonical form, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 1024 * 1024;

/// Most workers that one schema may describe.
pub const WORKERS_MAX: usize = 1024;

/// Most commands of one worker, balanced and broadcast together. Wire numbers are below it.
pub const COMMANDS_MAX: usize = 4096;

/// Longest name of a worker, a command or a variant, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Most mistakes that one report lists; the rest is counted.
pub const MISTAKES_MAX: usize = 100;

/// Most changes that one comparison of two schemas lists; the rest is counted.
pub const CHANGES_MAX: usize = 1000;

/// Deepest nesting of a JSON schema, in levels. A valid one has six.
pub const JSON_DEPTH_MAX: usize = 16;

/// Most `concurrency` that a command may ask for, in calls or jobs at once.
pub const CONCURRENCY_MAX: u32 = 65_536;

/// Most `backlog` that a command may ask for, in waiting calls.
pub const BACKLOG_MAX: u32 = 1_000_000;

/// Most `attempts` that a queued command may ask for, in runs of one job.
pub const ATTEMPTS_MAX: u32 = 1000;

/// Longest cron expression, in bytes.
pub const CRON_BYTES_MAX: usize = 128;

/// Longest duration that any option may have: one day, in milliseconds.
pub const DURATION_MS_MAX: u64 = 24 * 60 * 60 * 1000;
