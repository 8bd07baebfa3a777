//! `draining`: a worker takes no new calls. CAST, sent together with DRAIN on all its links.

use serde::{Deserialize, Serialize};

/// The worker finishes what it has and takes nothing new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {}
