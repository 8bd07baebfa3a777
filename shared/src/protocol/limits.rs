//! Bounds of control messages. What is longer is refused while it is decoded.

/// Addresses that one member may advertise.
pub const ADDRESSES_MAX: usize = 8;
/// Commands that one member may serve; the schema's own bound per worker.
pub const COMMANDS_MAX: usize = 4096;
/// Members in one page of a view, and members of a mesh.
pub const MEMBERS_MAX: usize = 10_000;
/// Changes in one delta; the master sends a view instead of a longer one.
pub const CHANGES_MAX: usize = 4096;
/// Recent removals that a view repeats.
pub const REMOVALS_MAX: usize = 1024;
/// Revoked tickets that have not expired yet.
pub const REVOCATIONS_MAX: usize = 4096;
/// Epochs of the link secret that a worker holds.
pub const LINK_SECRETS_MAX: usize = 3;
/// Epochs of the queue root whose keys still open jobs.
pub const QUEUE_ROOTS_MAX: usize = 8;

/// Workers of a schema, of whose commands a worker may hold keys; the schema's own bound.
pub const WORKERS_MAX: usize = 1024;

/// Peers that a report names as linked; more are left out.
pub const REPORT_LINKS_MAX: usize = 1024;
/// Commands in a list of a report; those that were called least are left out.
pub const REPORT_COMMANDS_MAX: usize = 256;
/// Queues in a report; more are left out.
pub const REPORT_QUEUES_MAX: usize = 256;
/// Dead letters in a report; the rest of them is in the next one.
pub const REPORT_DEAD_MAX: usize = 32;
/// Bounds of the buckets of a latency.
pub const REPORT_BUCKETS_MAX: usize = 64;
/// Bytes of a version and of a job's id in a report.
pub const REPORT_TEXT_BYTES_MAX: usize = 64;
/// Milliseconds between two reports, at least.
pub const PACE_MS_MIN: u64 = 500;
/// Milliseconds between two reports, at most.
pub const PACE_MS_MAX: u64 = 600_000;

/// Bytes of a ticket.
pub const TICKET_BYTES_MAX: usize = 512;
/// Bytes of a signed schema: the schema's own bound and its signature.
pub const SCHEMA_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of a text meant for people.
pub const TEXT_BYTES_MAX: usize = 256;
/// Bytes that the master puts into one page of a view or one delta, about.
pub const PAGE_BYTES: usize = 512 * 1024;
/// Bytes of the body of a message from a worker.
pub const TO_MASTER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of the body of a message from the master.
pub const TO_WORKER_BYTES_MAX: usize = 8 * 1024 * 1024;
