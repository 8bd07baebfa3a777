//! Queues in Redis (or Valkey): shared by every process of a mesh, and there to stay.
//!
//! Needs Redis 6.2 or newer; a single server, one found through Sentinel, or a cluster. Every
//! change of a queue is one script, so that it happens wholly or not at all, and by the clock of
//! the server, so that no clock of a worker matters. What is ready together is sent together: a
//! batch is whatever came while the one before was on its way, and nothing waits to be batched.
//!
//! # Layout
//! * `url.rs`: the address of a store; `connect.rs`: connections to it
//! * `io.rs`: the thread that all of it runs on; `store.rs`: a call, with its retries, and what is
//!   known when it fails
//! * `script.rs`, `scripts/`: what changes and reads a queue, in the server
//! * `site.rs`: the names of a queue's keys
//! * `codec.rs`: a job as bytes; `record.rs`: where it stands; `answer.rs`: reading answers
//! * `batch.rs`, `enqueue.rs`, `finish.rs`: what is sent together; `gate.rs`: who gave up before;
//!   `callers.rs`: who gets the answers
//! * `lease.rs`: waiting for jobs; `bell.rs`: being woken
//! * `queue.rs`, `look.rs`: one queue; `backend.rs`: all of them; `check.rs`: what could be lost

mod answer;
mod backend;
mod batch;
mod bell;
mod callers;
mod check;
mod codec;
mod connect;
mod enqueue;
mod finish;
mod gate;
mod io;
mod lease;
mod look;
mod queue;
mod record;
mod script;
mod site;
mod store;
mod url;

#[cfg(test)]
mod tests;

pub use backend::RedisBackend;
pub use url::{RedisUrl, RedisUrlError};
