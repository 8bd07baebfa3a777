//! How much is in one queue, as people and programs see it.

use meshwork_queue::{QueueDepth, QueueName};
use serde::Serialize;

use crate::age::age;
use crate::table::{Side, Table};
use crate::terminal::Paint;

/// One queue.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) queue: String,
    #[serde(flatten)]
    pub(super) depth: QueueDepth,
}

/// All of them, for programs.
#[derive(Debug, Serialize)]
pub(super) struct Rows {
    pub(super) queues: Vec<Row>,
}

impl Row {
    pub(super) fn new(name: &QueueName, depth: QueueDepth) -> Self {
        Self { queue: name.to_string(), depth }
    }

    /// How long the oldest of the ready jobs has waited.
    pub(super) fn oldest(&self) -> String {
        self.depth.oldest_ready_ms.map_or_else(|| "-".to_owned(), age)
    }

    pub(super) fn paused(&self) -> &'static str {
        if self.depth.is_paused { "yes" } else { "no" }
    }
}

/// The table of all queues.
pub(super) fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no queue holds anything\n".to_owned();
    }
    let headings = [
        ("queue", Side::Left),
        ("ready", Side::Right),
        ("scheduled", Side::Right),
        ("running", Side::Right),
        ("dead", Side::Right),
        ("retried", Side::Right),
        ("oldest", Side::Right),
        ("paused", Side::Left),
    ];
    let mut table = Table::new(headings, Paint::stdout());
    for row in rows {
        let depth = &row.depth;
        table.push([
            row.queue.clone(),
            depth.ready.to_string(),
            depth.scheduled.to_string(),
            depth.running.to_string(),
            depth.dead.to_string(),
            depth.retried.to_string(),
            row.oldest(),
            row.paused().to_owned(),
        ]);
    }
    table.to_string()
}
