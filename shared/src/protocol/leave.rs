//! `leave`: a worker goes for good. CALL, so that the process can wait for it before it exits.

use serde::{Deserialize, Serialize};

/// The worker goes for good; its incarnation is never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {}

/// The answer to `leave`: the master has taken note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {}
