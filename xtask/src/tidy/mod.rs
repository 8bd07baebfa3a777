//! `cargo xtask tidy`: the house rules that no compiler knows. Each rule is a file of `rules/`: a
//! function from the tree to findings, with its own failing samples as tests.
//!
//! The rules read text, not syntax: comments and strings are blanked first and braces are matched,
//! which is good to a few lines and needs no parser. A rule that is wrong about a line is to be
//! mended here, not worked around there.

mod lexer;
mod rules;
mod source;

use std::fmt;

use source::Tree;

use crate::workspace;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Path from the root of the repository.
    path: String,
    /// Counted from 1; 0 when the finding is about the whole file.
    line: usize,
    /// What is wrong and what to do.
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Checks the whole repository and prints each finding.
///
/// # Errors
/// When a rule is broken, or the repository cannot be read.
pub(crate) fn run() -> Result<(), String> {
    let root = workspace::root();
    let tree = Tree::read(&root).map_err(|error| format!("the sources cannot be read: {error}"))?;
    let findings = rules::check(&tree);
    findings.iter().for_each(|finding| println!("{finding}"));
    for note in rules::length::notes(&tree) {
        println!("note: {note}");
    }
    println!("tidy: {} files, {} findings", tree.sources.len(), findings.len());
    if findings.is_empty() { Ok(()) } else { Err(format!("{} house rules broken", findings.len())) }
}
