//! Who is meant by `_allow`, `_connect` and a command's `allow`.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use crate::names::{ANY_NODE, WorkerName};

/// A set of workers of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every worker of the schema, itself included (`"anyNode"`).
    AnyNode,
    /// These and no others; empty means nobody. Every name exists in the schema.
    List(BTreeSet<WorkerName>),
}

impl Access {
    /// Nobody: what a missing `_allow` or `_connect` means.
    pub fn nobody() -> Self {
        Self::List(BTreeSet::new())
    }

    /// Whether the set has this worker. The name is taken to be one of the schema.
    pub fn names(&self, worker: &str) -> bool {
        match self {
            Self::AnyNode => true,
            Self::List(workers) => workers.contains(worker),
        }
    }

    /// Whether no worker is in the set.
    pub fn is_nobody(&self) -> bool {
        matches!(self, Self::List(workers) if workers.is_empty())
    }
}

/// Written as the schema writes it: `"anyNode"` or a list in order.
impl Serialize for Access {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AnyNode => serializer.serialize_str(ANY_NODE),
            Self::List(workers) => serializer.collect_seq(workers),
        }
    }
}
