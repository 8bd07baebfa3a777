//! `resync`: a worker missed a delta. CAST; the answer is a `view` CAST.

use serde::{Deserialize, Serialize};

/// The worker asks for its whole view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {}
