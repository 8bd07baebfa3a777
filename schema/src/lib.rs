//! The schema of a Meshwork mesh: TOML or JSON in, a resolved model out.
//!
//! One schema says which workers a mesh has, who may link to whom, and which commands they have. This
//! crate reads it, reports all mistakes at once, and answers questions about it. It is pure: it opens
//! no file and no socket, and knows nothing of how calls travel.
//!
//! # Layout
//!
//! * `names`: names of workers, commands and variants
//! * `document`: what a text says, with places: from TOML, from JSON
//! * `resolve`: the document to workers and commands, with every mistake
//! * `mistake`, `render`: a mistake, the report, and how it is shown
//! * `schema`, `command`, `access`: the resolved model
//! * `canonical`: canonical text and fingerprint
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
mod document;
mod duration;
pub mod limits;
mod mistake;
mod names;
mod quote;
mod read;
mod resolve;
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
pub use read::SchemaFormat;
pub use schema::{Schema, WorkerSchema};
