//! The commands of the demo's workers: what the schema names, with types.

use meshwork_worker::Command;
use serde::{Deserialize, Serialize};

/// What do so many of this cost?
#[derive(Serialize, Deserialize)]
pub(super) struct Quote {
    pub(super) item: u64,
    pub(super) amount: u64,
}

impl Command for Quote {
    const WORKER: &'static str = "pricing";
    const NAME: &'static str = "quote";
    /// In cents.
    type Reply = u64;
}

/// How many quotes has this instance given?
#[derive(Serialize, Deserialize)]
pub(super) struct Sales;

impl Command for Sales {
    const WORKER: &'static str = "pricing";
    const NAME: &'static str = "sales";
    type Reply = u64;
}

/// Put one of these aside.
#[derive(Serialize, Deserialize)]
pub(super) struct Reserve {
    pub(super) item: u64,
}

impl Command for Reserve {
    const WORKER: &'static str = "stock";
    const NAME: &'static str = "reserve";
    type Reply = ();
}

/// Order more of these.
#[derive(Serialize, Deserialize)]
pub(super) struct Restock {
    pub(super) item: u64,
}

impl Command for Restock {
    const WORKER: &'static str = "stock";
    const NAME: &'static str = "restock";
    type Reply = ();
}
