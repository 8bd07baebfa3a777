//! Nothing half done stands in the tree: no leftover markers, no tests switched off, no code in
//! comments.

use crate::tidy::Finding;
use crate::tidy::source::{Source, Tree};

/// Spelled in two parts, so that a plain search of the tree finds real ones only.
const MARKERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Code that must not be left behind.
const LEFTOVERS: [(&str, &str); 4] = [
    (concat!("db", "g!("), "a debugging print: remove it"),
    (concat!("#[ig", "nore"), "a test that is switched off checks nothing: mend or remove it"),
    (concat!("to", "do!("), "unfinished: finish it or leave it out"),
    (DEAD_CODE, "dead code: remove it"),
];

const DEAD_CODE: &str = concat!("allow(dead", "_code)");

/// How a line of code starts that nobody would start a sentence with.
const STARTS: [&str; 9] =
    ["let ", "use ", "pub ", "fn ", "mod ", "impl ", "return ", "self.", "async fn "];

/// Finds what was left behind.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree.sources.iter().flat_map(in_source).collect();
    for text in &tree.texts {
        for (at, line) in text.text.lines().enumerate() {
            findings.extend(marker(&text.path, at + 1, line));
        }
    }
    findings
}

fn in_source(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, comment) in source.comments.iter().enumerate() {
        findings.extend(marker(&source.path, at + 1, comment));
        let plain = comment.trim().strip_prefix("//").filter(|rest| !rest.starts_with(['/', '!']));
        if plain.is_some_and(|text| is_code(text.trim())) {
            let message = "code in a comment: remove it, git remembers";
            findings.push(Finding::new(&source.path, at + 1, message));
        }
    }
    for (number, line) in source.numbered_code() {
        for (word, message) in LEFTOVERS {
            if line.contains(word) && !(word == DEAD_CODE && is_support(&source.path)) {
                findings.push(Finding::new(&source.path, number, format!("`{word}`: {message}")));
            }
        }
    }
    findings
}

/// Whether a file is compiled into several test programs, none of which uses all of it.
fn is_support(path: &str) -> bool {
    path.contains("/tests/support/")
}

fn marker(path: &str, number: usize, line: &str) -> Option<Finding> {
    let words = || line.split(|c: char| !c.is_alphanumeric());
    let found = MARKERS.iter().find(|marker| words().any(|word| word == **marker))?;
    let message = format!("`{found}`: do it now, or write the limitation down in docs/");
    Some(Finding::new(path, number, message))
}

/// Whether a comment's text is code: it ends as a statement does and starts or reads as one.
fn is_code(text: &str) -> bool {
    let closing = !text.is_empty() && text.chars().all(|c| "{}()[];,".contains(c));
    let statement = text.ends_with(';')
        && (STARTS.iter().any(|start| text.starts_with(start))
            || text.contains(" = ")
            || text.ends_with(");"));
    let block = text.ends_with(" {") && !text.starts_with('`');
    closing || statement || block
}

#[cfg(test)]
mod tests {
    use super::super::{lines, sample};
    use super::*;
    use crate::tidy::source::Text;

    fn found(text: &str) -> Vec<usize> {
        lines(&check(&sample("worker/src/a.rs", text)))
    }

    #[test]
    fn markers_are_found_in_comments_and_texts() {
        let text = format!("// {}: later\nlet a = 1;\n/// {}\n", MARKERS[0], MARKERS[1]);
        assert_eq!(found(&text), [1, 3]);
        let mut tree = sample("worker/src/a.rs", "");
        let text = format!("# Title\n{} write\n", MARKERS[0]);
        tree.texts.push(Text { path: "docs/a.md".to_owned(), text });
        assert_eq!(lines(&check(&tree)), [2]);
    }

    #[test]
    fn leftovers_are_found() {
        for (word, _) in LEFTOVERS {
            assert_eq!(found(&format!("fn a() {{}}\n{word}x)\n")), [2], "{word}");
        }
        assert!(found("let a = \"#[ignore]\";").is_empty());
        let shared = sample("worker/tests/support/mod.rs", &format!("#[{DEAD_CODE}]\n"));
        assert!(check(&shared).is_empty(), "a support module serves several test programs");
    }

    #[test]
    fn code_in_comments_is_found_and_prose_is_not() {
        for code in ["let a = b;", "self.start();", "use a::b;", "if a.is_empty() {", "}", "});"] {
            assert_eq!(found(&format!("// {code}\n")), [1], "{code}");
        }
        for prose in ["why it is so;", "a, b and c", "see `let`", "ends (here).", "a == b here"] {
            assert!(found(&format!("// {prose}\n")).is_empty(), "{prose}");
        }
        assert!(found("/// let a = b;\n//! let a = b;\n").is_empty(), "examples are documentation");
    }
}
