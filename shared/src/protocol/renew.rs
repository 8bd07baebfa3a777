//! `renew`: a worker asks for a fresh ticket. CAST; the answer is a `ticket` CAST.

use serde::{Deserialize, Serialize};

/// The worker asks for a fresh ticket. The master renews by itself at half of a ticket's life;
/// this is for a worker whose clock says otherwise. A young ticket is sent again as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {}
