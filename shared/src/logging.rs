//! Where the log goes: to standard error by `env_logger`, as much as `RUST_LOG` or the
//! configuration asks for. Text from a peer is escaped where it is logged, not here.

use env_logger::{Builder, WriteStyle};
use log::LevelFilter;
use meshwork_schema::{nearest, quote};

/// What is logged when nobody says.
const FILTER_DEFAULT: &str = "info";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

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
    let asked = std::env::var("RUST_LOG").ok();
    let started = Builder::new()
        .parse_filters(chosen(asked.as_deref(), level))
        .write_style(WriteStyle::Auto)
        .try_init();
    // The only failure is that there is a log already.
    drop(started);
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

    #[test]
    fn a_second_start_changes_nothing() {
        init(Some("error"));
        let level = log::max_level();
        init(Some("trace"));
        assert_eq!(log::max_level(), level);
    }
}
