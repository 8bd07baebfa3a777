//! The schema of a Meshwork mesh: TOML or JSON in, a resolved model out.
//!
//! One schema says which workers a mesh has, who may link to whom, and which commands they have.
//! This crate reads it, reports all mistakes at once, and answers questions about it. It is pure:
//! it opens no file and no socket, and knows nothing of how calls travel.
//!
//! # Layout
//!
//! * `read`: the way in
//! * `names`, [`duration`]: texts with a rule: names of workers, commands, variants; durations
//! * `document`: what a text says, with places: from TOML, from JSON
//! * `resolve`: the document to workers and commands, with every mistake
//! * `mistake`, `place`, `render`: a mistake, where it is, and how the report is shown
//! * `quote`, `suggest`: text of a file made safe to show; "did you mean ...?"
//! * `schema`, `command`, `access`: the resolved model
//! * `repeat`, `cron`: when a queued command runs by itself
//! * `canonical`: canonical text and fingerprint
//! * `summary`: what a schema says, as tables
//! * `compare`: what another schema changes, and what of it breaks what runs
//! * [`limits`]: the bounds
//!
//! # Example
//!
//! ```
//! use meshwork_schema::Schema;
//!
//! let source = "[gateway]\n_connect = [\"thumbnialer\"]\n[thumbnailer]\n_allow = \"anyNode\"\n";
//! let errors = Schema::from_toml(source).unwrap_err();
//! assert_eq!((errors.mistakes[0].line, errors.mistakes[0].column), (2, 13));
//! assert_eq!(errors.mistakes[0].help.as_deref(), Some("did you mean `thumbnailer`?"));
//! ```

mod access;
mod canonical;
mod command;
mod compare;
mod cron;
mod document;
pub mod duration;
pub mod limits;
mod mistake;
mod names;
mod place;
mod quote;
mod read;
mod render;
mod repeat;
mod resolve;
mod schema;
mod suggest;
mod summary;

pub use access::Access;
pub use canonical::{Fingerprint, FingerprintError};
pub use command::{
    ATTEMPTS_DEFAULT, BACKLOG_DEFAULT, BACKOFF_DEFAULT, BackoffRange, CommandSchema,
    DONE_KEPT_DEFAULT, Delivery, LEASE_DEFAULT, OnLeave, RUN_TIMEOUT_DEFAULT, TIMEOUT_DEFAULT,
};
pub use compare::{Change, ChangeKind, Changes, Running, compare};
pub use cron::{CronError, CronSchedule, TIMEZONE_DEFAULT};
pub use mistake::{Mistake, MistakeKind, SchemaErrors};
pub use names::{ANY_NODE, CommandName, NameError, Variant, WorkerName};
pub use quote::quote;
pub use read::SchemaFormat;
pub use repeat::{EVERY_MIN, Missed, Repeat, Schedule};
pub use schema::{Schema, WorkerSchema};
pub use suggest::nearest;
pub use summary::{CommandSummary, JobSummary, RepeatSummary, Summary, WorkerSummary, summary};
