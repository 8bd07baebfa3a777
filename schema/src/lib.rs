//! (being built)
mod access;
mod canonical;
mod command;
mod duration;
pub mod limits;
mod mistake;
mod names;
mod quote;
mod schema;
mod suggest;

pub use access::Access;
pub use canonical::{Fingerprint, FingerprintError};
pub use command::{
    ATTEMPTS_DEFAULT, BACKLOG_DEFAULT, BACKOFF_DEFAULT, BackoffRange, CommandSchema, Delivery,
    RUN_TIMEOUT_DEFAULT, TIMEOUT_DEFAULT,
};
pub use mistake::{Mistake, MistakeKind, SchemaErrors};
pub use names::{ANY_NODE, CommandName, NameError, Variant, WorkerName};
pub use schema::{Schema, WorkerSchema};
