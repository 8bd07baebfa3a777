//! `ready`: a worker takes calls now. CAST.

use serde::{Deserialize, Serialize};

/// The worker takes calls now; also ends its `draining`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {}
