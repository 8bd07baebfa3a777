//! One file that the processes of one machine share, without a server: SQLite in WAL mode.
//!
//! # What is promised
//! * With [`FileSync::Full`] (the default) whatever was acknowledged is on the disk: it survives
//!   the end of every process and a power loss, as far as the disk does what `fsync` asks of it.
//!   With [`FileSync::Normal`] it survives the end of every process, and a power loss may take the
//!   last moments of it; the file is whole in both cases.
//! * Leases and due times go by the clock of the machine, which all who share the file read.
//! * A job that one process stores starts in another at once: each writer touches a small file
//!   beside the database, `NAME-bell`, that the others watch (inotify). Where that cannot be
//!   watched, and for the lease of a process that died, the file is looked at every
//!   [`POLL`](limits::POLL).
//! * The file may not be on a network file system: its locks and its shared memory are the
//!   machine's.
//!
//! # How
//! One thread of each process owns the only connection. What all tasks of the process ask for while
//! one transaction is written becomes the next transaction: one `fsync` for all of them. Whoever
//! waits for a job waits in that thread, so that a job is stored and leased in one transaction
//! where both happen in one process.
//!
//! # Layout
//! * [`options`]: which file, how safe, and why it was not opened
//! * [`backend`]: the backend; `handle` is one queue of it, as callers hold it
//! * `writer`: the thread; `order` what it is asked for; `waiting` who waits in it
//! * `store`: the connection, its settings and its errors in words; `schema.sql` the tables
//! * `batch`: one transaction; `book` the counters of a queue in it
//! * `desk`: one queue within a transaction; its work is in `enqueue`, `lease`, `finish`, `settle`,
//!   `look` and `repair`
//! * `row`: a job as columns
//! * `bell`: the notice to other processes
//! * [`limits`]: every bound

pub mod backend;
mod batch;
mod bell;
mod book;
mod desk;
mod enqueue;
mod finish;
mod handle;
mod lease;
pub mod limits;
mod look;
pub mod options;
mod order;
mod repair;
mod row;
mod settle;
mod store;
#[cfg(test)]
mod tests;
mod waiting;
mod writer;

pub use backend::FileBackend;
pub use options::{FileOpenError, FileOptions, FileSync};
