//! Bounds of how jobs are run and asked about, with their units.

use std::time::Duration;

/// Jobs that are fetched ahead of free slots, at most; a command with fewer slots fetches ahead as
/// many as it has.
pub(super) const AHEAD_MAX: usize = 64;

/// A job that was fetched ahead and could not start in this time is handed back.
pub(super) const AHEAD_WAIT_MAX: Duration = Duration::from_millis(250);

/// Jobs are fetched ahead only after a run that was shorter than this.
pub(super) const SHORT_RUN: Duration = Duration::from_millis(100);

/// How long the end of a run is offered to a store that is away. Its lease may be over by then:
/// the store says so when it is back.
pub(super) const FINISH_WITHIN: Duration = Duration::from_secs(600);

/// Waits between two offers of an end, from and to.
pub(super) const FINISH_AGAIN: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(2));

/// Waits between two tries to ask a store that is away for its settings, from and to.
pub(super) const CHECK_AGAIN: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(60));

/// How long a job waits for a key that this instance has not heard of yet before it is handed back.
pub(super) const KEY_WITHIN: Duration = Duration::from_secs(5);

/// How old a root may be, or how far in the future by the clocks of two machines, that an instance
/// with a session has not heard of. The master tells of a new one at once.
pub(super) const ROOT_HEARD_WITHIN: Duration = Duration::from_secs(60);

/// How long handing back may take when the grace period is over.
pub(crate) const ABANDON_WITHIN: Duration = Duration::from_secs(1);

/// Bytes of a reply that is kept with its job; a larger one fails the job for good.
pub(super) const REPLY_BYTES_MAX: usize = 8 << 20;

/// Longest time that can be chosen for a job, of whatever kind: ten years.
pub(super) const TIME_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// How long a question about a job may take unless the caller says: the command's own `timeout` is
/// for storing it.
pub(super) const ASK_WITHIN: Duration = Duration::from_secs(10);

/// How long a wait for a job's end over a link may take at most; it is asked again then.
pub(super) const WAIT_ROUND: Duration = Duration::from_secs(3600);

/// Jobs of one batch that are stored by one request, at most.
pub(crate) const BATCH_JOBS_MAX: usize = 256;

/// Bytes of arguments of one request that stores a batch; one larger job goes alone.
pub(crate) const BATCH_BYTES_MAX: usize = 1 << 20;

/// Enqueues of one batch that are under way at once, where each goes over a link.
pub(crate) const BATCH_LINKS_MAX: usize = 128;

/// Queues that are kept open for callers; further ones are opened anew each time.
pub(super) const OPEN_MAX: usize = 4096;

/// Longest time between two looks for instances that have left for good.
pub(super) const SWEEP_EVERY_MAX: Duration = Duration::from_secs(60);

/// Jobs that are buried by one request.
pub(super) const BURY_JOBS_MAX: usize = 1000;

/// How soon the due times of a command are looked at again when its queue is away.
pub(super) const REPEAT_AGAIN: Duration = Duration::from_secs(1);

/// Longest time between two looks at due times: clocks are put right now and then.
pub(super) const REPEAT_LOOK_MAX: Duration = Duration::from_secs(60);
