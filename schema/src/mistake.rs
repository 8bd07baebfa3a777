//! A mistake in a schema file, and the report of all of them.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::limits::MISTAKES_MAX;
use crate::place::Places;

/// What sort of mistake it is. Stable, for programs that read the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MistakeKind {
    /// The text is not TOML or JSON.
    Syntax,
    /// A bound of the schema is exceeded: bytes, workers, commands, nesting.
    Limit,
    /// A name breaks the rule for names.
    Name,
    /// The same thing is said twice.
    Duplicate,
    /// There is no such key or option.
    Unknown,
    /// The value has the wrong type.
    Type,
    /// The value has the right type and is still not one that can be meant.
    Value,
    /// Two options do not go together.
    Combination,
    /// A worker is named that the schema does not have.
    Reference,
}

/// One mistake: where it is, what is wrong, what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// First byte of the place, counted from 0.
    pub start: usize,
    /// The byte after the place; equal to `start` at the end of a file.
    pub end: usize,
    /// What sort of mistake it is.
    pub kind: MistakeKind,
    /// What is wrong. Text from the file is escaped and cut in it.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// All mistakes of a schema file, in the order of their places.
///
/// The file has to be corrected; reading it again does not help. [`SchemaErrors::render`] shows
/// them with the lines they stand in, `Display` gives a line for each, `Serialize` is for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaErrors {
    /// The first [`MISTAKES_MAX`] of them; at least one.
    pub mistakes: Vec<Mistake>,
    /// How many more there are.
    pub more: usize,
}

impl fmt::Display for SchemaErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for SchemaErrors {}

/// A mistake before its line and column are known.
#[derive(Debug)]
struct Found {
    span: Range<usize>,
    kind: MistakeKind,
    message: String,
    help: Option<String>,
}

/// Gathers the mistakes of one text. Keeps the first ones by place and counts the rest, so that a
/// file that is wrong throughout takes no more memory than one with a few mistakes.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    found: Vec<Found>,
    total: usize,
}

impl Mistakes {
    /// Adds one.
    pub(crate) fn add(
        &mut self,
        kind: MistakeKind,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        let (message, help) = (message.into(), help.into());
        self.total += 1;
        self.found.push(Found { span: span.clone(), kind, message, help });
        if self.found.len() >= 2 * MISTAKES_MAX {
            self.keep_first();
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Whether so many were found that looking for a similar word is no longer worth the time.
    pub(crate) fn are_many(&self) -> bool {
        self.total > 2 * MISTAKES_MAX
    }

    /// Takes over those of `later` that do not merely follow from a syntax mistake found here: a
    /// broken line says nothing about what else is wrong in it, and a worker whose header is broken
    /// is missing only because of that.
    pub(crate) fn join(&mut self, later: Self, source: &str) {
        let places = Places::new(source);
        let broken: Vec<usize> = self
            .found
            .iter()
            .filter(|found| found.kind == MistakeKind::Syntax)
            .map(|found| places.line(found.span.start))
            .collect();
        self.total += later.total - later.found.len();
        for found in later.found {
            let follows = !broken.is_empty() && found.kind == MistakeKind::Reference
                || broken.contains(&places.line(found.span.start));
            if !follows {
                self.add(found.kind, &found.span, found.message, found.help);
            }
        }
    }

    /// The report. Lines and columns are looked up in `source`.
    pub(crate) fn into_errors(mut self, source: &str) -> SchemaErrors {
        self.keep_first();
        let places = Places::new(source);
        let more = self.total - self.found.len();
        let mistakes = self.found.into_iter().map(|found| locate(found, &places)).collect();
        SchemaErrors { mistakes, more }
    }

    fn keep_first(&mut self) {
        self.found.sort_by_key(|found| (found.span.start, found.span.end));
        self.found.truncate(MISTAKES_MAX);
    }
}

fn locate(found: Found, places: &Places<'_>) -> Mistake {
    let place = places.locate(&found.span);
    Mistake {
        line: place.line + 1,
        column: place.column + 1,
        start: place.span.start,
        end: place.span.end,
        kind: found.kind,
        message: found.message,
        help: found.help,
    }
}
