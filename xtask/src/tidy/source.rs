//! The repository as the rules see it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::lexer;
use crate::workspace;

/// Everything that the rules look at.
pub(crate) struct Tree {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Every Rust file.
    pub(crate) sources: Vec<Source>,
    /// Every other text that people write: documents, manifests, scripts.
    pub(crate) texts: Vec<Text>,
}

/// A text that is not Rust.
pub(crate) struct Text {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// Its content.
    pub(crate) text: String,
}

/// A Rust file.
pub(crate) struct Source {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// The lines as they stand.
    pub(crate) lines: Vec<String>,
    /// The lines without comments and without what stands in strings.
    pub(crate) code: Vec<String>,
    /// The comments alone, line by line.
    pub(crate) comments: Vec<String>,
    /// For each line whether it belongs to a test.
    tests: Vec<bool>,
}

impl Tree {
    /// Reads the repository at `root`.
    ///
    /// # Errors
    /// When a file or folder cannot be read.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self { root: root.to_path_buf(), sources: Vec::new(), texts: Vec::new() };
        for path in workspace::files(root)? {
            let rust = path.ends_with(".rs");
            let endings = [".md", ".toml", ".yml", ".yaml", ".sh", ".ci/run"];
            if !rust && !endings.iter().any(|ending| path.ends_with(ending)) {
                continue;
            }
            let text = fs::read_to_string(root.join(&path))?;
            if rust {
                tree.sources.push(Source::new(&path, &text));
            } else {
                tree.texts.push(Text { path, text });
            }
        }
        Ok(tree)
    }
}

impl Source {
    /// A file with the content `text`.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let split = lexer::split(text);
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let code = lines(&split.code);
        let tests = if is_test_file(path) { vec![true; code.len()] } else { test_lines(&code) };
        Self {
            path: path.to_owned(),
            lines: lines(text),
            comments: lines(&split.comments),
            code,
            tests,
        }
    }

    /// The lines of code that are not blank, each with its number counted from 1.
    pub(crate) fn numbered_code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.code.iter().enumerate().map(|(at, line)| (at + 1, line.as_str()));
        numbered.filter(|(_, line)| !line.trim().is_empty())
    }

    /// Whether the line with this number belongs to a test.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.tests.get(line - 1).copied().unwrap_or(false)
    }

    /// Whether the file is one of those whose path starts with one of `prefixes`.
    pub(crate) fn is_below(&self, prefixes: &[&str]) -> bool {
        prefixes.iter().any(|prefix| self.path.starts_with(prefix))
    }
}

/// The index of the line on which the braces that open at or behind `start` close again, if they
/// do; `None` also when a `;` ends the item before any brace.
pub(crate) fn closing_line(code: &[String], start: usize) -> Option<usize> {
    let mut depth = 0i32;
    let mut opened = false;
    let mut brackets = 0i32;
    for (at, line) in code.iter().enumerate().skip(start) {
        for c in line.chars() {
            match c {
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets -= 1,
                '{' => {
                    depth += 1;
                    opened = true;
                }
                '}' => depth -= 1,
                ';' if !opened && brackets == 0 => return None,
                _ => {}
            }
            if opened && depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("/benches/")
}

/// Which lines stand in an item behind `#[cfg(test)]`.
fn test_lines(code: &[String]) -> Vec<bool> {
    let mut marks = vec![false; code.len()];
    for start in 0..code.len() {
        if code[start].trim_start().starts_with("#[cfg(test)]") {
            let end = closing_line(code, start).unwrap_or(start);
            marks[start..=end].fill(true);
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_are_known() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = Source::new("worker/src/a.rs", text);
        let tests: Vec<_> = (1..=6).map(|line| source.is_test(line)).collect();
        assert_eq!(tests, [false, true, true, true, true, false]);
        assert!(Source::new("worker/tests/a.rs", text).is_test(1));
        assert!(!Source::new("worker/src/a.rs", "#[cfg(test)]\nmod tests;\nfn a() {}").is_test(3));
    }

    #[test]
    fn braces_are_matched_over_lines() {
        let source = Source::new("a.rs", "fn a(x: [u8; 3])\nwhere X: Y\n{\n  \"}\";\n}\nfn b();");
        assert_eq!(closing_line(&source.code, 0), Some(4));
        assert_eq!(closing_line(&source.code, 5), None);
    }
}
