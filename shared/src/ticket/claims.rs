//! What a ticket says, as values.

use std::fmt;

use meshwork_schema::{Variant, WorkerName};

use crate::ids::{Incarnation, MeshId, NodeId};

/// Which side of the mesh a process is on; the number is the one in the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// Runs commands and calls others.
    Worker = 1,
    /// Coordinates.
    Master = 2,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worker => "worker",
            Self::Master => "master",
        })
    }
}

/// Whom a ticket speaks of. Only a worker has a name, so a master's ticket with one cannot be
/// built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bearer {
    /// One instance of a worker.
    Worker {
        /// Its kind.
        worker: WorkerName,
        /// Its instance.
        variant: Variant,
    },
    /// The master.
    Master,
}

impl Bearer {
    /// The role that goes with it.
    pub fn role(&self) -> Role {
        match self {
            Self::Worker { .. } => Role::Worker,
            Self::Master => Role::Master,
        }
    }
}

/// From when until when a ticket counts, in unix seconds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: u64,
    /// Last second.
    pub not_after: u64,
}

impl Validity {
    /// Lifetime of a ticket from its signing, in seconds: 24 h.
    pub const LIFETIME_S: u64 = 24 * 60 * 60;
    /// How long before its signing a ticket starts, in seconds, for peers whose clock is late: 5
    /// min.
    pub const EARLY_S: u64 = 5 * 60;

    /// The usual window of a ticket that is signed now.
    ///
    /// ```
    /// use meshwork_shared::ticket::Validity;
    /// let window = Validity::starting(1_000_000);
    /// assert_eq!(window.not_before, 999_700);
    /// assert_eq!(window.not_after, 1_086_400);
    /// assert_eq!(window.renew_at(), 1_043_050);
    /// ```
    pub fn starting(now_unix_s: u64) -> Self {
        Self {
            not_before: now_unix_s.saturating_sub(Self::EARLY_S),
            not_after: now_unix_s.saturating_add(Self::LIFETIME_S),
        }
    }

    /// The unix second from which the ticket should be renewed: half of its window.
    pub fn renew_at(&self) -> u64 {
        self.not_before.midpoint(self.not_after)
    }
}

/// Everything that the master vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The mesh that it counts in.
    pub mesh: MeshId,
    /// The process that it belongs to.
    pub subject: NodeId,
    /// Who that process is.
    pub bearer: Bearer,
    /// Number of the schema at signing.
    pub schema_version: u64,
    /// Number of the ticket, for revocation; unique in the mesh, also across authorities.
    pub serial: u64,
    /// Which life of the variant; 0 for the master.
    pub incarnation: Incarnation,
    /// When it counts.
    pub validity: Validity,
}
