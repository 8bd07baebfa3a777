//! The rules, one per file.

mod banned;
mod comments;
mod headers;
mod hostile;
mod imports;
pub(super) mod length;
mod links;
mod names;
mod selects;

use super::Finding;
use super::source::Tree;

/// Runs every rule over `tree`; findings sorted by file and line.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rules: [fn(&Tree) -> Vec<Finding>; 9] = [
        banned::check,
        comments::check,
        headers::check,
        hostile::check,
        imports::check,
        length::check,
        links::check,
        names::check,
        selects::check,
    ];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings.dedup();
    findings
}

/// A tree of one Rust file, for the tests of the rules.
#[cfg(test)]
fn sample(path: &str, text: &str) -> Tree {
    let sources = vec![super::source::Source::new(path, text)];
    Tree { root: crate::workspace::root(), sources, texts: Vec::new() }
}

/// The numbers of the lines that `findings` are about.
#[cfg(test)]
fn lines(findings: &[Finding]) -> Vec<usize> {
    findings.iter().map(|finding| finding.line).collect()
}
