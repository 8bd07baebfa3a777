//! `meshwork schema`: is a schema right, what does it say, and what would it change?
//!
//! * `apply.rs`: another schema for a mesh that runs

mod apply;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use meshwork_schema::limits::SCHEMA_BYTES_MAX;
use meshwork_schema::{Mistake, Schema, SchemaErrors, SchemaFormat, Summary, summary};
use serde::Serialize;

use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::{Paint, Style, say, say_json};

/// `meshwork schema ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    Check(Check),
    Apply(Box<apply::Apply>),
}

/// Report every mistake of a schema, or show what it says
///
/// All mistakes are reported at once, each with its place, a caret under it and what to write
/// instead. A schema without mistakes is shown as tables: its workers, who links to whom, who may
/// call what, and what looks like an oversight.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork schema check mesh.toml
  meshwork schema check mesh.toml --json | jq '.summary.commands[].command'

Exit codes: 0 no mistakes, 1 mistakes, 64 wrong usage, 66 the file cannot be read."
)]
pub(crate) struct Check {
    /// The schema: JSON if its name ends in .json, else TOML
    file: PathBuf,
    /// Print one line of JSON instead: the summary, or the mistakes
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    file: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mistakes: Option<&'a [Mistake]>,
    /// Mistakes beyond those listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<usize>,
}

impl SchemaCommand {
    pub(crate) fn run(self) -> Outcome {
        match self {
            Self::Check(check) => check.run(),
            Self::Apply(apply) => apply.run(),
        }
    }
}

impl Check {
    fn run(self) -> Outcome {
        let source = read_bytes(&self.file)?;
        let file = self.file.display().to_string();
        match Schema::from_bytes(SchemaFormat::of(&self.file), &source) {
            Ok(schema) => {
                let summary = summary(&schema);
                if self.json {
                    let summary = Some(&summary);
                    say_json(&Report { file, ok: true, summary, mistakes: None, more: None });
                } else {
                    say(&in_colour(&summary.to_string(), Paint::stdout()));
                }
                Ok(Exit::Ok)
            }
            Err(errors) => {
                if self.json {
                    let (mistakes, more) = (Some(errors.mistakes.as_slice()), Some(errors.more));
                    say_json(&Report { file, ok: false, summary: None, mistakes, more });
                } else {
                    let source = String::from_utf8_lossy(&source);
                    say(&in_colour(&errors.render(&file, &source), Paint::stdout()));
                }
                Ok(Exit::Failed)
            }
        }
    }
}

/// Reads the schema of another subcommand's `--schema FILE`.
///
/// # Errors
/// The file cannot be read, or has mistakes: all of them are in the error.
pub(crate) fn load(file: &Path) -> Result<Schema, CommandError> {
    let source = read_bytes(file)?;
    Schema::from_bytes(SchemaFormat::of(file), &source)
        .map_err(|errors| mistaken(file, &errors, &source))
}

fn mistaken(file: &Path, errors: &SchemaErrors, source: &[u8]) -> CommandError {
    let report = errors.render(&file.display().to_string(), &String::from_utf8_lossy(source));
    CommandError::new(Exit::Failed, "the schema has mistakes").with_help(report)
}

/// Reads one byte more than a schema may have at most, so that a huge file is refused and not read.
fn read_bytes(file: &Path) -> Result<Vec<u8>, CommandError> {
    let mut source = Vec::new();
    let taken = File::open(file)
        .and_then(|opened| opened.take(SCHEMA_BYTES_MAX as u64 + 1).read_to_end(&mut source));
    match taken {
        Ok(_) => Ok(source),
        Err(error) => {
            let what = format!("{}: cannot read the schema: {error}", file.display());
            Err(CommandError::new(Exit::NoInput, what))
        }
    }
}

/// Headings and the carets' lines of a text that was laid out without colours.
fn in_colour(text: &str, paint: Paint) -> String {
    let line = |line: &str| match line.split_once("error: ") {
        Some(("", message)) => format!("{} {message}", paint.paint(Style::Bad, "error:")),
        _ if is_caret_line(line) => paint.paint(Style::Bad, line),
        _ if is_heading(line) => paint.paint(Style::Heading, line),
        _ => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

fn is_caret_line(line: &str) -> bool {
    line.trim_start()
        .strip_prefix("| ")
        .is_some_and(|rest| rest.contains('^') && rest.chars().all(|c| c == ' ' || c == '^'))
}

fn is_heading(line: &str) -> bool {
    matches!(line, "Workers" | "Who may link to whom" | "Who may call what" | "Notes")
}
