//! Names say what a thing is: no `Manager`, no `utils`, no `get_`.

use super::length::function_name;
use crate::tidy::Finding;
use crate::tidy::source::{Source, Tree};

/// Names of files and folders that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "misc", "manager"];

/// What declares a type or a module.
const DECLARES: [&str; 5] = ["struct", "enum", "trait", "type", "mod"];

/// Finds banned names.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.sources.iter().flat_map(|source| [file(source), declared(source)].concat()).collect()
}

fn file(source: &Source) -> Vec<Finding> {
    let mut parts = source.path.trim_end_matches(".rs").split('/');
    let found = parts.find(|part| EMPTY_NAMES.contains(part));
    let message =
        |part| format!("`{part}` names no thing: one noun per file, the field's own word");
    found.map(|part| Finding::new(&source.path, 0, message(part))).into_iter().collect()
}

fn declared(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.numbered_code() {
        if let Some(name) = function_name(line).filter(|name| name.starts_with("get_")) {
            let message = format!("fn {name}: a getter is named as what it gives, without `get_`");
            findings.push(Finding::new(&source.path, number, message));
        }
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.by_ref().any(|word| DECLARES.contains(&word)) {
            let name = words.next().unwrap_or_default();
            if name.contains("Manager") || EMPTY_NAMES.contains(&name) {
                let message = format!("`{name}` does not say what it does: name its role");
                findings.push(Finding::new(&source.path, number, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::{lines, sample};
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        lines(&check(&sample(path, text)))
    }

    #[test]
    fn getters_have_no_prefix() {
        let text = "pub fn get_name(&self) {}\npub fn name(&self) {}\nself.get_ref();\nfn getter()";
        assert_eq!(found("worker/src/a.rs", text), [1]);
    }

    #[test]
    fn types_and_modules_say_what_they_are() {
        let text = "pub struct LinkManager;\npub enum Link {}\nmod utils;\npub(crate) mod common;";
        assert_eq!(found("worker/src/a.rs", text), [1, 3, 4]);
        assert!(found("worker/src/a.rs", "let manager = Manager::new();").is_empty());
    }

    #[test]
    fn files_are_named_by_a_noun() {
        assert_eq!(found("worker/src/utils.rs", ""), [0]);
        assert_eq!(found("worker/tests/common/mod.rs", ""), [0]);
        assert!(found("worker/src/route.rs", "").is_empty());
    }
}
