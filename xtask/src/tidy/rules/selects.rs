//! A `select!` looks at its branches in order: one that draws the order is not repeatable.

use crate::tidy::Finding;
use crate::tidy::source::{Source, Tree};

/// Crates that the simulation runs.
const REPEATABLE: [&str; 5] =
    ["shared/src/", "queue/src/", "worker/src/", "master/src/", "simulation/src/"];

/// Finds `select!` without `biased;`.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let sources = tree.sources.iter().filter(|source| source.is_below(&REPEATABLE));
    sources.flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Finding> {
    let code: Vec<_> = source.numbered_code().collect();
    let mut findings = Vec::new();
    for (at, (number, line)) in code.iter().enumerate() {
        let Some((_, rest)) = line.split_once("select! {") else { continue };
        let behind = [rest, code.get(at + 1).map_or("", |(_, next)| next)];
        if !behind.iter().any(|text| text.trim_start().starts_with("biased;")) {
            let message = "`select!` without `biased;`: the same seed must give the same run";
            findings.push(Finding::new(&source.path, *number, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::{lines, sample};
    use super::*;

    #[test]
    fn select_is_biased() {
        let text = "tokio::select! {\n    // first\n    biased;\n}\nselect! { biased; a }\n\
                    tokio::select! {\n    a = b => {}\n}\n";
        assert_eq!(lines(&check(&sample("worker/src/a.rs", text))), [6]);
        assert!(check(&sample("cli/src/a.rs", text)).is_empty());
    }
}
