//! `meshwork schema apply`: another schema for a mesh that runs.

use std::path::PathBuf;

use clap::Args;
use meshwork_master::http::dto::{SchemaApplied, SchemaProblem};
use meshwork_schema::{Changes, Fingerprint};
use serde::Serialize;

use super::load;
use crate::admin::AdminAccess;
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal::{Paint, Style, say, say_json, screen_safe};

/// Change the schema of a mesh that runs
///
/// Shows what the file changes of the schema in force, then puts it in force: every worker learns
/// of it at once, and none has to be restarted. What breaks something that runs is refused, unless
/// it is forced: a worker, a link or a command that goes while it is used, a caller that is shut
/// out, a command that is asked for in another way (docs/SCHEMA.md has the rules).
///
/// It stays in force when the master starts again, until its schema file changes.
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  meshwork schema apply mesh.toml --dry-run    what would it change?
  meshwork schema apply mesh.toml
  meshwork schema apply mesh.toml --force      also if it breaks what runs

Exit codes: 0 in force (or could be, with --dry-run), 1 mistakes, or it breaks what runs, 64 wrong
usage, 66 a file cannot be read, 69 no master answers, 77 the master refuses the token."
)]
pub(crate) struct Apply {
    /// The schema: JSON if its name ends in .json, else TOML
    file: PathBuf,
    /// Also if it breaks what runs
    #[arg(long)]
    force: bool,
    /// Only show what it would change; exits with 1 if that would be refused
    #[arg(long)]
    dry_run: bool,
    /// Print one line of JSON instead
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    access: AdminAccess,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    /// `changed`, `unchanged`, `checked` or `refused`.
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
    changes: &'a Changes,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

impl Apply {
    pub(super) fn run(self) -> Outcome {
        let schema = load(&self.file)?;
        let options = format!("?force={}&dry_run={}", self.force, self.dry_run);
        let path = format!("/v1/schema{options}");
        let http = self.access.http()?;
        let (status, text) = http.put_json(&path, &schema.canonical_json())?;
        if status == 200 {
            let applied = serde_json::from_str(&text).map_err(|error| not_a_master(&error))?;
            self.say_applied(&applied);
            return Ok(Exit::Ok);
        }
        match serde_json::from_str(&text) {
            Ok(SchemaProblem { message, changes: Some(changes), .. }) => {
                self.refused(&message, &changes)
            }
            Ok(SchemaProblem { message, report, .. }) => {
                let what = format!("the master answers {status}: {}", screen_safe(&message));
                let report = report.map(|report| screen_safe(&report)).unwrap_or_default();
                Err(CommandError::new(Exit::Failed, what).with_help(report))
            }
            Err(error) => Err(not_a_master(&error)),
        }
    }

    fn say_applied(&self, applied: &SchemaApplied) {
        let SchemaApplied { outcome, number, fingerprint, changes } = applied;
        if self.json {
            let (number, fingerprint) = (Some(*number), Some(*fingerprint));
            return say_json(&Report { outcome, number, fingerprint, changes, message: None });
        }
        let paint = Paint::stdout();
        let count = changes.changes.len() + changes.more;
        let last = match outcome.as_str() {
            "unchanged" => format!("nothing changes: schema {number} stays in force"),
            "checked" if changes.is_breaking() => {
                format!("{count} changes; {} would be forced", changes.breaking)
            }
            "checked" => format!("{count} changes; nothing that runs would break"),
            _ => format!("schema {number} is in force: {count} changes"),
        };
        say(&format!("{}{}\n", listed(changes, paint), paint.paint(Style::Good, &last)));
    }

    /// It breaks what runs.
    fn refused(&self, message: &str, changes: &Changes) -> Outcome {
        if self.json {
            let (outcome, message) = ("refused", Some(message));
            say_json(&Report { outcome, number: None, fingerprint: None, changes, message });
            return Ok(Exit::Failed);
        }
        say(&listed(changes, Paint::stdout()));
        let count = changes.changes.len() + changes.more;
        let what = format!(
            "the schema stays as it was: {} of {count} changes break what runs",
            changes.breaking
        );
        let mut help =
            "stop or change what is in the way first, or say --force and break it".to_owned();
        if message.contains("just started") {
            help.insert_str(
                0,
                "the master has just started and takes every worker to run until it knows better:\n\
                 try again in half a minute;\n",
            );
        }
        Err(CommandError::new(Exit::Failed, what).with_help(help))
    }
}

/// The list of changes, with colours for its signs and for what breaks.
fn listed(changes: &Changes, paint: Paint) -> String {
    let line = |line: &str| match line.split_at_checked(1) {
        Some(("+", rest)) => format!("{}{rest}", paint.paint(Style::Good, "+")),
        Some(("-", rest)) => format!("{}{rest}", paint.paint(Style::Bad, "-")),
        _ if line.starts_with("    breaks:") => paint.paint(Style::Bad, line),
        _ => line.to_owned(),
    };
    screen_safe(&changes.to_string()).lines().map(|text| line(text) + "\n").collect()
}

fn not_a_master(error: &serde_json::Error) -> CommandError {
    let what = format!("something answers that is no master of this version: {error}");
    CommandError::new(Exit::Unavailable, what)
}
