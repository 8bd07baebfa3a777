//! Every bound of a queue, with its unit, and what happens there.

/// Bytes that a stored job is counted with beside its body and its history: names, times and the
/// indexes that hold it.
pub const JOB_OVERHEAD_BYTES: usize = 512;

/// Attempts that the history of a job keeps: the newest. Their numbers show what is missing.
pub const HISTORY_ATTEMPTS_MAX: usize = 8;

/// Bytes that the history keeps of an attempt's error; the rest is cut off.
pub const ERROR_BYTES_MAX: usize = 256;

/// Bytes of a dedupe key; a longer one is the caller's mistake and refused before it gets here.
pub const DEDUPE_KEY_BYTES_MAX: usize = 256;

/// Jobs that one lease takes at most.
pub const LEASE_JOBS_MAX: usize = 1024;

/// Jobs whose end is remembered, per queue, at most; the oldest are forgotten before their time.
pub const DONE_JOBS_MAX: usize = 1 << 20;

/// Jobs that make up for missed due times, at most, of a command that says `missed = "all"`.
pub const MISSED_JOBS_MAX: usize = 100;

/// How far a due time may be ahead of the clock of the store, in milliseconds: so much may the
/// clocks of consumers be wrong. The job of a later one is not stored, or a clock that is a year
/// ahead would be the last to store one for a year.
pub const DUE_AHEAD_MS_MAX: u64 = 60_000;

/// Bytes that a job whose end is remembered is counted with beside its reply.
pub const ENDED_OVERHEAD_BYTES: usize = 128;

/// What is remembered of ended jobs takes at most this part of
/// [`QueueLimits::bytes_max`], beside the rest; beyond, the oldest are forgotten before their time.
pub const ENDED_BYTES_SHARE: usize = 4;

/// Bytes that a dedupe key is counted with beside twice its length, while its window is open.
pub const DEDUPE_OVERHEAD_BYTES: usize = 128;

/// Jobs that a queue of a store can be told to hold, and dead letters, at most (`jobs_max` and
/// `dead_letters_max` in the address of the store).
pub const STORE_JOBS_MAX: usize = 100_000_000;

/// Bytes that a queue of a store can be told to hold, at most (`bytes_max` in the address of the
/// store): 1 TiB.
pub const STORE_BYTES_MAX: usize = 1 << 40;

/// Dead letters that a queue in memory keeps, at most, whatever [`QueueLimits`] say: every process
/// of a mesh has its own, and not the memory of a store.
pub const MEMORY_DEAD_LETTERS_MAX: usize = 1024;

/// How much one queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Jobs that wait or run, at most; default 65 536. One more is refused with
    /// [`EnqueueError::Full`](crate::EnqueueError::Full).
    pub jobs_max: usize,
    /// Bytes of all jobs, open dedupe keys and dead letters, at most; default 256 MiB. A job that
    /// does not fit pushes out dead letters, oldest first; if that is not enough it is refused.
    /// What the history of accepted jobs adds later (2 KiB each, at most) may pass the bound.
    pub bytes_max: usize,
    /// Dead letters, at most; default 65 536, so that all jobs of a full queue may die. One more
    /// pushes out the oldest, which is counted. In memory not more than
    /// [`MEMORY_DEAD_LETTERS_MAX`].
    pub dead_letters_max: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { jobs_max: 65_536, bytes_max: 256 << 20, dead_letters_max: 65_536 }
    }
}
