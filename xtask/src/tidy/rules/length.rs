//! Sizes: files, functions and lines. Logic may not be long; a flat table may, with its reason.

use crate::tidy::Finding;
use crate::tidy::source::{Source, Tree, closing_line};

/// Lines of a file that one aims at; longer ones are noted, not refused.
const FILE_LINES_GOAL: usize = 300;
/// Lines that no file passes unless it is listed below.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Characters of a line, as rustfmt has it; it leaves long strings and comments alone.
const COLUMNS_MAX: usize = 100;
/// Characters without a space from which on a line cannot be broken: an address, a test vector.
const UNBREAKABLE_LEN: usize = 80;

/// Files that may pass `FILE_LINES_MAX`, with the reason: tests and tables only.
const LONG_FILES: &[(&str, &str)] = &[];

/// Finds what is too long.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree.sources.iter().flat_map(check_source).collect();
    findings.extend(stale(tree, LONG_FILES));
    findings
}

/// The files past the goal but below the bound, longest first.
pub(crate) fn notes(tree: &Tree) -> Vec<String> {
    let mut long: Vec<_> = tree
        .sources
        .iter()
        .map(|source| (source.lines.len(), &source.path))
        .filter(|(lines, _)| (FILE_LINES_GOAL + 1..=FILE_LINES_MAX).contains(lines))
        .collect();
    long.sort_by(|a, b| b.cmp(a));
    let note = |(lines, path)| format!("{path} has {lines} lines (goal {FILE_LINES_GOAL})");
    long.into_iter().map(note).collect()
}

fn check_source(source: &Source) -> Vec<Finding> {
    [file(source, LONG_FILES), functions(source), columns(source)].concat()
}

fn file(source: &Source, listed: &[(&str, &str)]) -> Vec<Finding> {
    let lines = source.lines.len();
    if lines <= FILE_LINES_MAX || listed.iter().any(|(path, _)| *path == source.path) {
        return Vec::new();
    }
    let message = format!(
        "{lines} lines, at most {FILE_LINES_MAX}: split it (tests to a sibling tests.rs); tests \
         and tables may be listed with their reason in xtask/src/tidy/rules/length.rs"
    );
    vec![Finding::new(&source.path, 0, message)]
}

/// Entries of the list that are no longer needed.
fn stale(tree: &Tree, listed: &[(&str, &str)]) -> Vec<Finding> {
    let is_long = |path: &str| {
        let mut sources = tree.sources.iter();
        sources.any(|source| source.path == path && source.lines.len() > FILE_LINES_MAX)
    };
    let gone = listed.iter().filter(|(path, _)| !is_long(path));
    gone.map(|(path, _)| Finding::new(path, 0, "not long any more: take it off LONG_FILES"))
        .collect()
}

fn functions(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (start, line) in source.code.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let Some(end) = closing_line(&source.code, start) else { continue };
        let length = end - start + 1;
        if length > FUNCTION_LINES_MAX {
            let message = format!(
                "fn {name} has {length} lines, at most {FUNCTION_LINES_MAX}: name its steps"
            );
            findings.push(Finding::new(&source.path, start + 1, message));
        }
    }
    findings
}

/// The name behind `fn` when the line declares a function.
pub(super) fn function_name(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let declares = before.is_empty() || before.ends_with([' ', '(']);
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (declares && end > 0).then_some(&rest[..end])
}

fn columns(source: &Source) -> Vec<Finding> {
    let breakable = |line: &str| line.split(' ').all(|word| word.len() < UNBREAKABLE_LEN);
    let too_long = |line: &str| line.chars().count() > COLUMNS_MAX && breakable(line);
    let lines = source.lines.iter().enumerate().filter(|(_, line)| too_long(line));
    lines
        .map(|(at, line)| {
            let message =
                format!("{} columns, at most {COLUMNS_MAX}: break it", line.chars().count());
            Finding::new(&source.path, at + 1, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{lines, sample};
    use super::*;

    #[test]
    fn long_files_need_a_reason() {
        let text = "//! Header.\n".repeat(FILE_LINES_MAX + 1);
        let tree = sample("worker/src/a.rs", &text);
        assert_eq!(check(&tree).len(), 1);
        assert!(file(&tree.sources[0], &[("worker/src/a.rs", "a flat table")]).is_empty());
        assert!(check(&sample("worker/src/a.rs", &"//!\n".repeat(FILE_LINES_MAX))).is_empty());
    }

    #[test]
    fn the_list_of_long_files_is_kept_fresh() {
        let tree = sample("worker/src/a.rs", "//! Header.\n");
        assert_eq!(stale(&tree, &[("worker/src/a.rs", "why")]).len(), 1);
        assert_eq!(stale(&tree, &[("worker/src/gone.rs", "why")]).len(), 1);
    }

    #[test]
    fn files_past_the_goal_are_noted() {
        let tree = sample("worker/src/a.rs", &"//!\n".repeat(FILE_LINES_GOAL + 1));
        assert_eq!(notes(&tree).len(), 1);
        assert!(check(&tree).is_empty());
    }

    #[test]
    fn long_functions_are_found() {
        let body = "    work();\n".repeat(FUNCTION_LINES_MAX - 1);
        let long = format!("struct A;\n\npub(crate) async fn a<T>(\n    b: T,\n) {{\n{body}}}\n");
        assert_eq!(lines(&functions(&sample("a.rs", &long).sources[0])), [3]);
        let short = format!("fn a() {{\n{}}}\n", "    work();\n".repeat(FUNCTION_LINES_MAX - 2));
        assert!(functions(&sample("a.rs", &short).sources[0]).is_empty());
        let braces = format!("fn a() {{\n    b(\"}}\"); // }}\n{body}}}\n");
        assert_eq!(lines(&functions(&sample("a.rs", &braces).sources[0])), [1]);
    }

    #[test]
    fn long_lines_are_found() {
        let long = format!("// {}", "word ".repeat(COLUMNS_MAX / 5));
        let vector = "0f".repeat(COLUMNS_MAX);
        let text = format!("{long}\n// {}\n    \"{vector}\"\n", "ü ".repeat(45));
        assert_eq!(lines(&columns(&sample("a.rs", &text).sources[0])), [1]);
    }
}
