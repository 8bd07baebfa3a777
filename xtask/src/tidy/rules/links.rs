//! Documents point only at files that exist.

use std::path::Path;

use crate::tidy::Finding;
use crate::tidy::source::{Text, Tree};

/// Finds relative links of Markdown files that lead nowhere.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let documents = tree.texts.iter().filter(|text| text.path.ends_with(".md"));
    documents.flat_map(|text| check_document(text, &tree.root)).collect()
}

fn check_document(text: &Text, root: &Path) -> Vec<Finding> {
    let document = root.join(&text.path);
    let folder = document.parent().unwrap_or(root);
    let mut findings = Vec::new();
    let mut fenced = false;
    for (at, line) in text.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(line) {
            let file = target.split(['#', '?']).next().unwrap_or_default();
            if !file.is_empty() && !folder.join(file).exists() {
                let message = format!("the link `{target}` leads nowhere: mend or remove it");
                findings.push(Finding::new(&text.path, at + 1, message));
            }
        }
    }
    findings
}

/// The relative targets of `[text](target)`, `[name]: target` and `src="target"` in a line.
fn targets(line: &str) -> Vec<&str> {
    let until = |text: &'static str| move |rest: &'_ str| rest.find(text).unwrap_or(rest.len());
    let inline = line.split("](").skip(1).map(|rest| &rest[..until(")")(rest)]);
    let images = line.split("src=\"").skip(1).map(|rest| &rest[..until("\"")(rest)]);
    let reference = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    inline
        .chain(images)
        .chain(reference.map(|(_, target)| target.trim()))
        .map(|target| target.split(' ').next().unwrap_or_default())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;
    use crate::workspace;

    fn found(text: &str) -> Vec<usize> {
        let text = Text { path: "docs/A.md".to_owned(), text: text.to_owned() };
        lines(&check_document(&text, &workspace::root()))
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let text = "[a](../Cargo.toml) and [b](../gone.rs)\n![c](gone.svg \"title\")\n\
                    <img src=\"gone.png\">\n[d]: gone.md\n[e](gone.md#part)\n";
        assert_eq!(found(text), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn other_links_are_left_alone() {
        let text = "[a](https://example.org) [b](#part) [c](../Cargo.toml#L1)\n\
                    ```\n[d](gone.md)\n```\n`vec[0]: gone`\n";
        assert!(found(text).is_empty());
    }
}
