//! `link_secret`: the secrets from which worker links take their pre-shared keys. CAST, and part of
//! the welcome.

use serde::{Deserialize, Serialize};

use super::{SecretBinary, bounded, limits};

/// The secrets of the current epoch and the one after it, lower epoch first; replaces the list
/// before. A link is accepted with any of them and dialled with [`LinkSecrets::to_dial`], so that a
/// worker without a master still meets one that has moved on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkSecrets {
    /// The secrets, by epoch.
    #[serde(deserialize_with = "bounded::list::<{ limits::LINK_SECRETS_MAX }, _, _>")]
    pub secrets: Vec<EpochSecret>,
}

/// The secret of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochSecret {
    /// Which epoch.
    pub epoch: u64,
    /// When the epoch starts, unix seconds; it is dialled with from then on.
    pub from_unix_s: u64,
    /// The secret.
    pub secret: SecretBinary<32>,
}

impl LinkSecrets {
    /// The secret to dial with: the newest whose epoch has started, else the oldest. None if the
    /// list is empty.
    pub fn to_dial(&self, unix_s: u64) -> Option<&EpochSecret> {
        let started = self.secrets.iter().rev().find(|secret| secret.from_unix_s <= unix_s);
        started.or_else(|| self.secrets.first())
    }
}
