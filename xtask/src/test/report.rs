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

/// The stages that were asked for, in order, with their outcomes.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<(&'static str, Outcome, Duration)>,
}

impl Report {
    /// Adds the outcome of the stage `name`, which took `took`.
    pub(crate) fn add(&mut self, name: &'static str, outcome: Outcome, took: Duration) {
        self.rows.push((name, outcome, took));
    }

    /// How many stages failed.
    pub(crate) fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.rows.iter().filter(|(_, outcome, _)| which(outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:>8}  result", "stage", "seconds")?;
        for (name, outcome, took) in &self.rows {
            let (word, why) = match outcome {
                Outcome::Passed => ("ran", ""),
                Outcome::Skipped(why) => ("SKIPPED  ", why.as_str()),
                Outcome::Failed(why) => ("FAILED  ", why.as_str()),
            };
            writeln!(f, "{name:<10} {:>8.1}  {word}{why}", took.as_secs_f64())?;
        }
        let total: Duration = self.rows.iter().map(|(_, _, took)| *took).sum();
        writeln!(f, "{:<10} {:>8.1}", "total", total.as_secs_f64())?;
        let passed = self.count(|outcome| matches!(outcome, Outcome::Passed));
        let skipped = self.count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        write!(f, "stages: {passed} passed, {} failed, {skipped} skipped", self.failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_stage_its_time_and_why() {
        let mut report = Report::default();
        report.add("fmt", Outcome::Passed, Duration::from_millis(1500));
        report.add("deny", Outcome::Skipped("not installed".to_owned()), Duration::ZERO);
        report.add("test", Outcome::Failed("3 tests".to_owned()), Duration::from_secs(61));
        let table = report.to_string();
        let expected = "\
stage       seconds  result
fmt             1.5  ran
deny            0.0  SKIPPED  not installed
test           61.0  FAILED  3 tests
total          62.5
stages: 1 passed, 1 failed, 1 skipped";
        assert_eq!(table, expected);
        assert_eq!(report.failed(), 1);
    }
}
