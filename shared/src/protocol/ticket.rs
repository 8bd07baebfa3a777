//! `ticket`: a worker's renewed ticket. CAST.

use serde::{Deserialize, Serialize};

use super::{Binary, limits};

/// The worker's renewed ticket, to be shown on new links and pushed over the open ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketUpdate {
    /// The ticket.
    pub ticket: Binary<{ limits::TICKET_BYTES_MAX }>,
}
