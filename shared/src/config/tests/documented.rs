//! The documentation's tables and the keys are the same.

use std::collections::BTreeSet;

use super::super::key::{Key, Section};

const DOCUMENT: &str = include_str!("../../../../docs/CONFIGURATION.md");

/// The names and variables of the table under a section's heading.
fn rows(section: Section) -> BTreeSet<(String, String)> {
    let heading = format!("\n## `[{}]`\n", section.name());
    let (_, rest) = DOCUMENT.split_once(&heading).expect("a heading for each section");
    let table = rest.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        assert_eq!(cells.len(), 7, "five columns: {row}");
        (cell(cells[1]), cell(cells[2]))
    })
    .collect()
}

#[test]
fn every_key_has_its_row_and_every_row_its_key() {
    for section in Section::ALL {
        let keys = section.keys().iter().map(|key| (key.name.to_owned(), key.variable()));
        assert_eq!(rows(section), keys.collect(), "[{}]", section.name());
    }
}

#[test]
fn a_variable_is_of_one_name() {
    for key in Key::all() {
        let mut namesakes = Key::all().filter(|other| other.variable() == key.variable());
        assert!(namesakes.all(|other| other.name == key.name), "{}", key.variable());
    }
}
