//! The rows of each table, from what the master says.

use std::cmp::Ordering;

use meshwork_master::http::dto::{CommandRow, Mesh, MeshMember, QueueRow};
use meshwork_shared::protocol::Status;

use super::format::{rate, span};
use crate::age::age;
use crate::events::seen::Seen;
use crate::terminal::screen_safe;
use crate::when::time_of_day;

/// How a row looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// Somebody should look at it.
    Bad,
    /// It comes or goes, or does not work at present.
    Faint,
}

/// A cell: its text, and what it is sorted by if that is no text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    number: Option<f64>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) tone: Tone,
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), number: None }
    }

    fn number(number: f64, text: impl Into<String>) -> Self {
        Self { text: text.into(), number: Some(number) }
    }

    fn count(count: u64) -> Self {
        Self::number(count as f64, count.to_string())
    }

    fn per_second(per_second: f64) -> Self {
        Self::number(per_second, rate(per_second))
    }

    fn optional(value: Option<u64>, shown: impl Fn(u64) -> String) -> Self {
        // What is not known is less than anything that is.
        let number = value.map_or(-1.0, |value| value as f64);
        Self::number(number, value.map_or_else(|| "-".to_owned(), shown))
    }
}

impl Row {
    /// Whether it is asked for; the filter is in small letters.
    pub(super) fn has(&self, filter: &str) -> bool {
        self.cells.iter().any(|cell| cell.text.to_lowercase().contains(filter))
    }

    /// Which of two comes first by a column.
    pub(super) fn order(&self, other: &Self, column: usize) -> Ordering {
        let (Some(a), Some(b)) = (self.cells.get(column), other.cells.get(column)) else {
            return Ordering::Equal;
        };
        match (a.number, b.number) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => a.text.cmp(&b.text),
        }
    }
}

pub(super) fn members(mesh: &Mesh) -> Vec<Row> {
    let mut links = vec![0_u64; mesh.members.len()];
    for link in &mesh.links {
        for end in [link.a, link.b] {
            if let Some(count) = links.get_mut(end) {
                *count += 1;
            }
        }
    }
    mesh.members.iter().zip(links).map(|(member, links)| row_of(member, links, mesh)).collect()
}

fn row_of(member: &MeshMember, links: u64, mesh: &Mesh) -> Row {
    let process = member.process.as_ref();
    let schema = process.and_then(|process| process.schema);
    let is_stale = schema.is_some_and(|schema| schema != mesh.master.schema);
    let tone = match member.status {
        Status::Lost => Tone::Bad,
        Status::Joining | Status::Draining => Tone::Faint,
        Status::Ready if is_stale => Tone::Bad,
        Status::Ready => Tone::Plain,
    };
    let address = member.addresses.first().map(ToString::to_string);
    let version = process.map_or_else(|| "-".to_owned(), |seen| screen_safe(&seen.version));
    let schema = match (schema, is_stale) {
        (None, _) => "-",
        (Some(_), true) => "another",
        (Some(_), false) => "in force",
    };
    let cells = vec![
        Cell::text(format!("{}/{}", member.worker, member.variant)),
        Cell::text(member.status.to_string()),
        Cell::text(version),
        Cell::optional(process.map(|seen| seen.uptime_ms), age),
        Cell::optional(process.map(|seen| u64::from(seen.running)), |count| count.to_string()),
        Cell::count(links),
        Cell::text(address.unwrap_or_else(|| "none".to_owned())),
        Cell::text(schema),
    ];
    Row { cells, tone }
}

pub(super) fn commands(mesh: &Mesh) -> Vec<Row> {
    let row = |row: &CommandRow| {
        let rates = &row.per_second;
        let troubled = rates.failed + rates.not_executed + rates.unknown;
        let cells = vec![
            Cell::text(format!("{}.{}", row.worker, row.command)),
            Cell::per_second(rates.total()),
            Cell::optional(row.p50_us, span),
            Cell::optional(row.p99_us, span),
            Cell::per_second(rates.failed),
            Cell::per_second(rates.not_executed),
            Cell::per_second(rates.unknown),
            Cell::count(row.running),
            Cell::count(row.instances as u64),
        ];
        Row { cells, tone: if troubled > 0.0 { Tone::Bad } else { Tone::Plain } }
    };
    mesh.commands.iter().map(row).collect()
}

pub(super) fn queues(mesh: &Mesh) -> Vec<Row> {
    let row = |row: &QueueRow| {
        let cells = vec![
            Cell::text(screen_safe(&row.queue)),
            Cell::count(row.ready),
            Cell::optional(row.oldest_ready_ms, age),
            Cell::count(row.running),
            Cell::count(row.dead),
            Cell::count(row.scheduled),
            Cell::text(if row.paused { "paused" } else { "runs" }),
        ];
        let tone = match (row.dead > 0, row.paused) {
            (true, _) => Tone::Bad,
            (false, true) => Tone::Faint,
            (false, false) => Tone::Plain,
        };
        Row { cells, tone }
    };
    mesh.queues.iter().map(row).collect()
}

pub(super) fn events<'e>(events: impl Iterator<Item = &'e Seen>) -> Vec<Row> {
    let row = |event: &Seen| {
        let cells = vec![
            Cell::count(event.number),
            Cell::text(time_of_day(event.at_unix_ms)),
            Cell::text(screen_safe(&event.kind)),
            Cell::text(event.text()),
        ];
        Row { cells, tone: if event.is_bad() { Tone::Bad } else { Tone::Plain } }
    };
    events.map(row).collect()
}
