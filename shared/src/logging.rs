//! Where the log goes: to standard error by `env_logger`, as much as `RUST_LOG` or the
//! configuration asks for, for people or as JSON. An event is one line, whatever is in its message:
//! text of a peer that holds a line break or a control character cannot make up another event, or
//! paint a terminal.

use std::fmt::Display;
use std::io::Write as _;
use std::str::FromStr;
use std::sync::OnceLock;

use env_logger::fmt::Formatter;
use env_logger::{Builder, WriteStyle};
use log::{LevelFilter, Record};
use meshwork_schema::{nearest, quote};

use crate::screen::{self, one_line};

/// What is logged when nobody says.
const FILTER_DEFAULT: &str = "info";

/// The variable that names the form of lines; also a setting of worker and master.
const FORMAT_VARIABLE: &str = "MESHWORK_LOG_FORMAT";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people: `[2026-11-21T10:00:00Z INFO  meshwork_worker] linked to shop/corner`.
    #[default]
    Human,
    /// For programs: an object with `time`, `level`, `target` and `message`.
    Json,
}

/// A form of lines that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is neither `human` nor `json`")]
pub struct FormatError;

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(FormatError),
        }
    }
}

/// What the command line asked for.
static PREFERRED: OnceLock<Format> = OnceLock::new();

/// Sets the form of lines for this process, over what the environment says. The first word counts,
/// and only before the log is started.
pub fn prefer(format: Format) {
    let _ = PREFERRED.set(format);
}

/// Starts the log of this process. `RUST_LOG`, if it is set, wins over `level` (a level, or a list
/// as in `"info,meshwork_worker=debug"`); without either it is `info`. Colours are for terminals
/// only. If a log was started before, here or by the program itself, that one stays.
///
/// ```
/// meshwork_shared::logging::init(Some("debug"));
/// meshwork_shared::logging::init(None); // changes nothing
/// log::info!("started");
/// ```
pub fn init(level: Option<&str>) {
    init_as(level, None);
}

/// As [`init`], with lines of this form; `None`: as [`prefer`] or `MESHWORK_LOG_FORMAT` says.
pub fn init_as(level: Option<&str>, format: Option<Format>) {
    let asked = std::env::var("RUST_LOG").ok();
    let named = || std::env::var(FORMAT_VARIABLE).ok()?.parse().ok();
    let format = PREFERRED.get().copied().or(format).or_else(named).unwrap_or_default();
    let started = Builder::new()
        .parse_filters(chosen(asked.as_deref(), level))
        .write_style(WriteStyle::Auto)
        .format(move |out, record| write(out, record, format))
        .try_init();
    // The only failure is that there is a log already.
    drop(started);
}

fn write(out: &mut Formatter, record: &Record<'_>, format: Format) -> std::io::Result<()> {
    let (level, time) = (record.level(), out.timestamp_millis());
    match format {
        Format::Human => {
            let style = out.default_level_style(level);
            let (target, message) = (one_line(record.target()), one_line(record.args()));
            writeln!(out, "[{time} {style}{level:<5}{style:#} {target}] {message}")
        }
        Format::Json => {
            let line = json(&time, level.as_str(), record.target(), record.args());
            writeln!(out, "{line}")
        }
    }
}

/// One event as an object.
fn json(time: &dyn Display, level: &str, target: &str, message: &dyn Display) -> String {
    let quoted =
        |text: &dyn Display| screen::json(&serde_json::Value::String(text.to_string()).to_string());
    format!(
        "{{\"time\":{},\"level\":{},\"target\":{},\"message\":{}}}",
        quoted(time),
        quoted(&level),
        quoted(&target),
        quoted(message)
    )
}

/// Which of the two filters counts; an empty one does not.
fn chosen<'f>(environment: Option<&'f str>, level: Option<&'f str>) -> &'f str {
    let given = |filter: &&str| !filter.trim().is_empty();
    environment.filter(given).or(level.filter(given)).unwrap_or(FILTER_DEFAULT)
}

/// What is wrong with a filter, if anything. The logger itself would take `inof` for the name of a
/// module, and log nothing.
pub(crate) fn mistake(filter: &str) -> Option<String> {
    let modules = filter.split('/').next().unwrap_or_default();
    let mut directives = modules.split(',').map(str::trim).filter(|word| !word.is_empty());
    if modules.trim().is_empty() {
        return Some("it names no level".to_owned());
    }
    directives.find_map(|directive| match directive.split_once('=') {
        Some((_, level)) => not_a_level(level.trim()),
        None if directive.parse::<LevelFilter>().is_ok() => None,
        // A module alone stands for all that it logs.
        None if is_module(directive) && nearest(directive, LEVELS).is_none() => None,
        None => not_a_level(directive),
    })
}

fn not_a_level(level: &str) -> Option<String> {
    match level.parse::<LevelFilter>() {
        Ok(_) => None,
        Err(_) => Some(match nearest(level, LEVELS) {
            Some(meant) => format!("{} is no level: did you mean `{meant}`?", quote(level)),
            None => format!("{} is no level", quote(level)),
        }),
    }
}

fn is_module(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_unless_it_is_empty() {
        assert_eq!(chosen(Some("warn"), Some("debug")), "warn");
        assert_eq!(chosen(Some(" "), Some("debug")), "debug");
        assert_eq!(chosen(None, None), FILTER_DEFAULT);
    }

    #[test]
    fn filters_are_checked_before_they_log_nothing() {
        for good in ["info", "WARN", "off", "info,meshwork_worker=debug", "my_app::jobs", "info/x"]
        {
            assert_eq!(mistake(good), None, "{good}");
        }
        for bad in ["", "inof", "meshwork_worker=loud", "info,debgu", "a b", "/x"] {
            assert!(mistake(bad).is_some(), "{bad}");
        }
        assert!(mistake("inof").unwrap().contains("`info`"));
    }

    const FORGED: &str =
        "hello\n[2026-11-21T10:00:00Z ERROR meshwork] forged\r\u{1b}[2J\u{85}\u{2028}\u{202e}\"}";

    #[test]
    fn an_event_is_one_object_that_reads_back() {
        let line = json(&"2026-11-21T10:00:00.000Z", "WARN", "meshwork_worker", &FORGED);
        assert_eq!(screen::one_line(&line), line);
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["message"], FORGED);
        assert_eq!(
            (&event["level"], &event["target"]),
            (&"WARN".into(), &"meshwork_worker".into())
        );
    }

    #[test]
    fn a_second_start_changes_nothing() {
        init(Some("error"));
        let level = log::max_level();
        init(Some("trace"));
        assert_eq!(log::max_level(), level);
    }
}
