//! `schema`: the master loaded another schema. CAST.

use serde::{Deserialize, Serialize};

use super::{Binary, limits};

/// The whole schema, numbered and signed by the authority. One that is not signed, or whose number
/// is lower than the known one's, is ignored with a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaUpdate {
    /// The signed schema.
    pub signed: Binary<{ limits::SCHEMA_BYTES_MAX }>,
}
