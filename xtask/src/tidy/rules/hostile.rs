//! The table of hostile cases is complete, and the tests that it names exist where it says.

use crate::tidy::Finding;
use crate::tidy::source::{Text, Tree};

/// The document with the table.
const DOCUMENT: &str = "docs/SECURITY.md";

/// Every row up to this one has its line.
const ROWS: u32 = 54;

/// Finds rows that are missing and tests that are not in the file beside them.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(document) = tree.texts.iter().find(|text| text.path == DOCUMENT) else {
        return vec![Finding::new(DOCUMENT, 1, "the table of hostile cases is missing")];
    };
    let mut findings = missing_rows(document);
    for (at, line) in document.text.lines().enumerate().filter(|(_, line)| row(line).is_some()) {
        for (test, path) in tests(line) {
            let declared = format!("fn {test}(");
            let source = tree.sources.iter().find(|source| source.path == path);
            let exists = source
                .is_some_and(|source| source.code.iter().any(|line| line.contains(&declared)));
            if !exists {
                let message = format!("there is no test `{test}` in {path}: mend the table");
                findings.push(Finding::new(&document.path, at + 1, message));
            }
        }
    }
    findings
}

fn missing_rows(document: &Text) -> Vec<Finding> {
    let present: Vec<u32> = document.text.lines().filter_map(row).collect();
    let missing = (1..=ROWS).filter(|number| !present.contains(number));
    let finding = |number| {
        let message = format!("row {number} of the hostile cases is missing");
        Finding::new(&document.path, 1, message)
    };
    missing.map(finding).collect()
}

/// The number of the row that a line of a table is.
fn row(line: &str) -> Option<u32> {
    line.strip_prefix("| ")?.split(' ').next()?.parse().ok()
}

/// The tests of a row, each with the file that follows it: `` `test`, `test` ([name](../file)) ``.
fn tests(line: &str) -> Vec<(&str, &str)> {
    let cell = line.trim_end_matches('|').rsplit(" | ").next().unwrap_or_default();
    let groups = cell.split("<br>").filter_map(|group| group.split_once("](../"));
    let tests = groups.flat_map(|(names, path)| {
        let path = path.split(')').next().unwrap_or_default();
        names.split('`').skip(1).step_by(2).map(move |name| (name, path))
    });
    tests.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::Source;
    use crate::workspace;

    fn found(table: &str) -> Vec<String> {
        let sources = vec![Source::new("a/tests/b.rs", "#[test]\nfn row_1_holds() {}\n")];
        let texts = vec![Text { path: DOCUMENT.to_owned(), text: table.to_owned() }];
        let tree = Tree { root: workspace::root(), sources, texts };
        check(&tree).iter().map(ToString::to_string).collect()
    }

    fn complete(first: &str) -> String {
        let others: String = (2..=ROWS).map(|row| format!("| {row} | x | y | — |\n")).collect();
        format!("{first}\n{others}")
    }

    #[test]
    fn tests_that_exist_are_fine() {
        let table = complete("| 1 | x | `close` | `row_1_holds` ([a](../a/tests/b.rs)) |");
        assert_eq!(found(&table), Vec::<String>::new());
    }

    #[test]
    fn tests_that_are_gone_or_elsewhere_are_found() {
        let table = complete(
            "| 1 | x | y | `row_1_holds`, `row_1_gone` ([a](../a/tests/b.rs))<br>`row_1_holds` \
             ([c](../a/tests/c.rs)) |",
        );
        let found = found(&table);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`row_1_gone` in a/tests/b.rs"), "{found:?}");
        assert!(found[1].contains("`row_1_holds` in a/tests/c.rs"), "{found:?}");
    }

    #[test]
    fn missing_rows_are_found() {
        let found = found("| 1 | x | y | — |");
        assert_eq!(found.len(), ROWS as usize - 1);
        assert!(found[0].contains("row 2 of"), "{found:?}");
    }
}
