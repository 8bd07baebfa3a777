//! Every file says what it is for, and a `lib.rs` is an index.

use crate::tidy::Finding;
use crate::tidy::source::{Source, Tree};

/// What a line of logic starts with.
const LOGIC: [&str; 8] = ["fn", "impl", "struct", "enum", "trait", "static", "const", "type"];

/// Finds files without a header and libraries whose root holds logic.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.sources.iter().flat_map(|source| header(source).into_iter().chain(index(source))).collect()
}

fn header(source: &Source) -> Option<Finding> {
    // A sibling `tests.rs` is described by the module that it tests.
    let is_src = source.path.contains("/src/") && !source.path.ends_with("/tests.rs");
    let first = source.lines.iter().find(|line| !line.trim().is_empty());
    if !is_src || first.is_some_and(|line| line.starts_with("//!")) {
        return None;
    }
    let message = "no header: start the file with `//!` and what it is for \
                   (for an actor: who owns it, what stops it)";
    Some(Finding::new(&source.path, 1, message))
}

fn index(source: &Source) -> Option<Finding> {
    if !source.path.ends_with("src/lib.rs") {
        return None;
    }
    let logic = |line: &str| {
        let words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
        let first = words.take(1).collect::<String>();
        let first = first.split(['<', '!']).next().unwrap_or_default();
        LOGIC.contains(&first) || line.contains(" fn ")
    };
    let (number, _) =
        source.numbered_code().find(|(number, line)| !source.is_test(*number) && logic(line))?;
    let message = "lib.rs is an index (docs, `mod`, `pub use`): move this into a file of its own";
    Some(Finding::new(&source.path, number, message))
}

#[cfg(test)]
mod tests {
    use super::super::{lines, sample};
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        lines(&check(&sample(path, text)))
    }

    #[test]
    fn a_source_file_needs_a_header() {
        assert_eq!(found("worker/src/a.rs", "use std::fmt;\n"), [1]);
        assert!(found("worker/src/a.rs", "//! What it is for.\n").is_empty());
        assert!(found("worker/tests/a.rs", "use std::fmt;\n").is_empty());
        assert!(found("worker/src/a/tests.rs", "use super::*;\n").is_empty());
    }

    #[test]
    fn a_library_root_is_an_index() {
        let text = "//! Header.\npub mod a;\npub use a::A;\n";
        assert!(found("worker/src/lib.rs", text).is_empty());
        assert_eq!(found("worker/src/lib.rs", &format!("{text}pub fn b() {{}}\n")), [4]);
        assert_eq!(found("worker/src/lib.rs", &format!("{text}impl<T> A<T> {{}}\n")), [4]);
        assert!(found("worker/src/a.rs", "//! Header.\npub fn b() {}\n").is_empty());
    }
}
