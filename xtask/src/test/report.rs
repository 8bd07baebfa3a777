//! How a run of stages ended, and the table that tells it.

use std::fmt;
use std::time::Duration;

/// How a stage ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran and found nothing wrong.
    Passed,
    /// It could not run here; the text says why and what to do.
    Skipped(String),
    /// It found something; the text says what.
    Failed(String),
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// What the table tells of a stage.
#[derive(Debug)]
pub(crate) struct Row {
    /// What `--stage` takes.
    pub(crate) name: &'static str,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long it took.
    pub(crate) took: Duration,
    /// What the disk of the repository had left at its end, bytes; none if that is not known here.
    pub(crate) free: Option<u64>,
}

/// The stages that were asked for, in order, with their outcomes.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds what a stage came to.
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// How many stages failed.
    pub(crate) fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.rows.iter().filter(|row| which(&row.outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:>8} {:>9}  result", "stage", "seconds", "GiB free")?;
        for Row { name, outcome, took, free } in &self.rows {
            let (word, why) = match outcome {
                Outcome::Passed => ("ran", ""),
                Outcome::Skipped(why) => ("SKIPPED  ", why.as_str()),
                Outcome::Failed(why) => ("FAILED  ", why.as_str()),
            };
            let free = free.map_or_else(|| "-".to_owned(), gib);
            writeln!(f, "{name:<10} {:>8.1} {free:>9}  {word}{why}", took.as_secs_f64())?;
        }
        let total: Duration = self.rows.iter().map(|row| row.took).sum();
        writeln!(f, "{:<10} {:>8.1}", "total", total.as_secs_f64())?;
        let passed = self.count(|outcome| matches!(outcome, Outcome::Passed));
        let skipped = self.count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        write!(f, "stages: {passed} passed, {} failed, {skipped} skipped", self.failed())
    }
}

fn gib(bytes: u64) -> String {
    let tenths = bytes / (1024 * 1024 * 1024 / 10);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, outcome: Outcome, millis: u64, free: Option<u64>) -> Row {
        Row { name, outcome, took: Duration::from_millis(millis), free }
    }

    #[test]
    fn the_table_names_each_stage_its_time_and_why() {
        let mut report = Report::default();
        report.add(row("fmt", Outcome::Passed, 1500, Some(57 * 1024 * 1024 * 1024)));
        report.add(row("deny", Outcome::Skipped("not installed".to_owned()), 0, Some(999_999_999)));
        report.add(row("test", Outcome::Failed("3 tests".to_owned()), 61_000, None));
        let table = report.to_string();
        let expected = "\
stage       seconds  GiB free  result
fmt             1.5      57.0  ran
deny            0.0       0.9  SKIPPED  not installed
test           61.0         -  FAILED  3 tests
total          62.5
stages: 1 passed, 1 failed, 1 skipped";
        assert_eq!(table, expected);
        assert_eq!(report.failed(), 1);
    }
}
