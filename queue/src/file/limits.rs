//! Every bound of the file backend, with its unit, and what happens there.

use std::time::Duration;

/// Operations of one process that wait for its writer, at most; one more waits for a place.
pub const OPERATIONS_MAX: usize = 1024;

/// Calls of `lease` of one process that wait at a time; one more waits for a place.
pub const LEASES_MAX: usize = 1024;

/// Calls of `wait` of one process that wait at a time; one more waits for a place.
pub const WAITS_MAX: usize = 65_536;

/// Milliseconds after which a queue is looked at again whose counters cannot be read.
pub const UNREADABLE_LOOK_MS: u64 = 60_000;

/// Operations in one transaction, at most; more wait for the next one.
pub const BATCH_MAX: usize = 256;

/// How long a transaction waits for those of other processes; after that its operations fail as
/// not done.
pub const BUSY_MAX: Duration = Duration::from_secs(5);

/// How often a process that waits for something looks at a file that others wrote to, whatever the
/// bell says.
pub const POLL: Duration = Duration::from_secs(1);

/// The same where the bell cannot be watched.
pub const POLL_WITHOUT_BELL: Duration = Duration::from_millis(500);

/// How long a process leaves the file to the others after they wrote to it, so that one that is
/// busy all the time does not starve them.
pub const BREATH: Duration = Duration::from_micros(250);

/// Jobs whose time has come that one transaction moves, at most; the next one goes on.
pub const SETTLE_MAX: usize = 256;

/// Bytes of a body that is kept beside the job's other columns, at most; a larger one has a place
/// of its own, so that it is written once and not again whenever the job changes its state.
pub const INLINE_BYTES_MAX: usize = 1024;

/// Pages (4 KiB) of the log after which a transaction copies it into the database.
pub const CHECKPOINT_PAGES: u32 = 1000;

/// Bytes of the log after which it is copied by force, waiting for whoever still reads in it.
pub const LOG_BYTES_MAX: u64 = 64 << 20;

/// Kibibytes of the database that the writer keeps in memory, at most.
pub const CACHE_KIB: u32 = 16 << 10;

/// Statements that the writer keeps compiled, at most.
pub const STATEMENTS_MAX: usize = 64;

/// Rows of a queue that is to be forgotten that one transaction deletes, at most.
pub const FORGET_ROWS_MAX: usize = 1000;
