//! Who did how many: for people a table, for programs a line of JSON; and the contact sheet.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use image::ImageResult;
use serde::Serialize;

use super::order::{Outcome, Thumbnail};
use super::peers::Answer;
use crate::picture::decode;
use crate::sheet::{self, Tile};

/// All that a run has to tell, as `--json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Pictures found.
    pub pictures: usize,
    /// Thumbnails made, checked and written.
    pub thumbnails: usize,
    /// Pictures without a thumbnail.
    pub failed: usize,
    /// Thumbnails of this run by who made them; everyone who was asked for stats is listed.
    pub workers: BTreeMap<String, u64>,
    /// Milliseconds that each of them computed in this run.
    pub milliseconds: BTreeMap<String, u64>,
    /// Previews made by jobs, checked and written, by who made them; none were asked for: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previews: Option<BTreeMap<String, u64>>,
    /// Each picture that failed, and why.
    pub failures: BTreeMap<String, String>,
    /// Thumbnailers that did not say what they have done, and why.
    pub silent: BTreeMap<String, String>,
    /// Thumbnailers whose shelf was empty after they were told to flush.
    pub flushed: Vec<String>,
    /// The contact sheet, if there was anything to show.
    pub contact_sheet: Option<PathBuf>,
}

impl Report {
    /// Counts what happened. `stats` and `flushed` are the answers before and after the flush.
    pub fn new(outcomes: &[Outcome], stats: &[Answer], flushed: &[Answer]) -> Self {
        let mut workers = BTreeMap::new();
        let mut milliseconds = BTreeMap::new();
        let mut silent = BTreeMap::new();
        for Answer { variant, done } in stats {
            workers.insert(variant.clone(), 0);
            milliseconds.insert(variant.clone(), 0);
            if let Err(why) = done {
                silent.insert(variant.clone(), why.clone());
            }
        }
        for thumbnail in thumbnails(outcomes) {
            *workers.entry(thumbnail.variant.clone()).or_default() += 1;
            *milliseconds.entry(thumbnail.variant.clone()).or_default() += thumbnail.milliseconds;
        }
        let failures: BTreeMap<_, _> = outcomes
            .iter()
            .filter_map(|outcome| {
                Some((outcome.name.clone(), outcome.result.as_ref().err()?.to_string()))
            })
            .collect();
        let empty = |answer: &&Answer| answer.done.as_ref().is_ok_and(|done| done.on_shelf == 0);
        Self {
            pictures: outcomes.len(),
            thumbnails: thumbnails(outcomes).count(),
            failed: outcomes.iter().filter(|outcome| outcome.result.is_err()).count(),
            workers,
            milliseconds,
            previews: None,
            failures,
            silent,
            flushed: flushed.iter().filter(empty).map(|answer| answer.variant.clone()).collect(),
            contact_sheet: None,
        }
    }

    /// Adds what became of the previews.
    pub fn add_previews(&mut self, outcomes: &[Outcome]) {
        let mut by = BTreeMap::new();
        for preview in thumbnails(outcomes) {
            *by.entry(preview.variant.clone()).or_default() += 1;
        }
        for outcome in outcomes {
            if let Err(error) = &outcome.result {
                self.failed += 1;
                self.failures.insert(format!("{} (preview)", outcome.name), error.to_string());
            }
        }
        self.previews = Some(by);
    }

    /// The report as a table.
    pub fn table(&self) -> String {
        let widest = self.workers.keys().map(|variant| variant.len()).max().unwrap_or(0);
        let wide = widest.max("thumbnailer".len());
        let mut table = format!("{:<wide$}  pictures  milliseconds\n", "thumbnailer");
        for (variant, count) in &self.workers {
            let took = self.milliseconds.get(variant).copied().unwrap_or(0);
            // Writing to a String cannot fail.
            let _ = writeln!(table, "{variant:<wide$}  {count:>8}  {took:>12}");
        }
        if let Some(previews) = &self.previews {
            let all: u64 = previews.values().sum();
            let by: Vec<_> =
                previews.iter().map(|(variant, count)| format!("{variant}: {count}")).collect();
            let _ = writeln!(table, "\n{all} previews by jobs ({})", by.join(", "));
        }
        for (variant, why) in &self.silent {
            let _ = writeln!(table, "{variant} did not say what it has done: {why}");
        }
        let _ = match self.failed {
            0 => writeln!(table, "\n{} pictures, all done", self.pictures),
            failed => writeln!(
                table,
                "\n{} pictures, {} done, {failed} failed",
                self.pictures, self.thumbnails
            ),
        };
        table
    }

    /// Makes the contact sheet of the thumbnails that were written and writes it to `path`. Without
    /// any thumbnail there is none.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_sheet(&mut self, outcomes: &[Outcome], path: &Path) -> ImageResult<()> {
        let legend: Vec<(String, u64)> =
            self.workers.iter().map(|(variant, count)| (variant.clone(), *count)).collect();
        let tiles: Vec<Tile> = outcomes
            .iter()
            .filter_map(|outcome| tile(&outcome.name, outcome.result.as_ref().ok()?, &legend))
            .take(sheet::TILES_MAX)
            .collect();
        if tiles.is_empty() {
            return Ok(());
        }
        let mut title =
            format!("{} thumbnails by {} thumbnailers", self.thumbnails, self.workers.len());
        if tiles.len() < self.thumbnails {
            let _ = write!(title, ", the first {}", tiles.len());
        }
        sheet::compose(&title, &legend, &tiles).save(path)?;
        self.contact_sheet = Some(path.to_owned());
        Ok(())
    }
}

fn thumbnails(outcomes: &[Outcome]) -> impl Iterator<Item = &Thumbnail> {
    outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok())
}

/// A tile of a thumbnail; `None` if its file is gone since.
fn tile(name: &str, thumbnail: &Thumbnail, legend: &[(String, u64)]) -> Option<Tile> {
    Some(Tile {
        thumbnail: decode(&std::fs::read(&thumbnail.path).ok()?).ok()?,
        name: name.to_owned(),
        picture_size: thumbnail.picture_size,
        maker: legend.iter().position(|(variant, _)| *variant == thumbnail.variant).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Done;
    use crate::gateway::order::OrderError;
    use crate::picture::Size;

    fn done(name: &str, variant: &str) -> Outcome {
        let picture_size = Size { width: 2, height: 2 };
        let path = PathBuf::from(name);
        let thumbnail = Thumbnail { variant: variant.into(), milliseconds: 5, picture_size, path };
        Outcome { name: name.into(), result: Ok(thumbnail) }
    }

    fn answer(variant: &str, on_shelf: u64) -> Answer {
        let done = Done { on_shelf, ..Done::default() };
        Answer { variant: variant.into(), done: Ok(done) }
    }

    #[test]
    fn every_picture_and_every_thumbnailer_is_accounted_for() {
        let broken = Outcome {
            name: "c.png".into(),
            result: Err(OrderError::TooLarge { bytes: 100 << 20 }),
        };
        let outcomes = [done("a.png", "x"), done("b.png", "x"), broken];
        let deaf = Answer { variant: "z".into(), done: Err("no answer".into()) };
        let stats = [answer("x", 2), answer("y", 0), deaf];
        let report = Report::new(&outcomes, &stats, &[answer("x", 0), answer("y", 1)]);
        assert_eq!((report.pictures, report.thumbnails, report.failed), (3, 2, 1));
        let workers = [("x".to_owned(), 2), ("y".to_owned(), 0), ("z".to_owned(), 0)];
        assert_eq!(report.workers, BTreeMap::from(workers));
        assert_eq!(report.milliseconds["x"], 10);
        assert!(report.failures["c.png"].contains("100.0 MiB is over the limit"));
        assert_eq!(report.flushed, ["x"]);
        let mut with_previews = report.clone();
        with_previews.add_previews(&[done("a.png", "y")]);
        assert!(with_previews.table().contains("1 previews by jobs (y: 1)"));
        let table = report.table();
        assert!(table.contains("x                   2            10"), "{table}");
        assert!(table.contains("3 pictures, 2 done, 1 failed"), "{table}");
        assert!(table.contains("z did not say what it has done: no answer"), "{table}");
    }

    #[test]
    fn without_a_thumbnail_there_is_no_sheet() {
        let mut report = Report::new(&[], &[], &[]);
        report.write_sheet(&[], Path::new("nowhere/sheet.png")).unwrap();
        assert_eq!(report.contact_sheet, None);
    }
}
