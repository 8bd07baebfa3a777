//! Plain text tables that never exceed a width: long cells go on in the next line.

use std::fmt;

/// Widest line of a table, in characters.
pub(super) const LINE_CHARS_MAX: usize = 100;
const INDENT: usize = 2;
const GAP: usize = 2;

/// A table with a head.
pub(super) struct TextTable<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> TextTable<N> {
    pub(super) fn new(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned)] }
    }

    pub(super) fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    /// Widths of the columns: what the cells need, the widest cut down until a line fits.
    fn widths(&self) -> [usize; N] {
        let mut widths = [1; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.len().clamp(*width, LINE_CHARS_MAX);
            }
        }
        let room = LINE_CHARS_MAX - INDENT - GAP * N.saturating_sub(1);
        while widths.iter().sum::<usize>() > room {
            match widths.iter_mut().max() {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        widths
    }
}

impl<const N: usize> fmt::Display for TextTable<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            let mut cells: [Vec<String>; N] = std::array::from_fn(|_| Vec::new());
            for ((lines, cell), width) in cells.iter_mut().zip(row).zip(widths) {
                *lines = wrap(cell, width);
            }
            let height = cells.iter().map(Vec::len).max().unwrap_or_default();
            for index in 0..height {
                let mut line = " ".repeat(INDENT);
                for (lines, width) in cells.iter().zip(widths) {
                    let part = lines.get(index).map_or("", String::as_str);
                    line.push_str(&format!("{part:width$}{:GAP$}", ""));
                }
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }
}

/// Lines of at most `width` characters, broken at spaces, within a word only if it is too long. All
/// text here is ASCII: names, numbers and our own words.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for character in word.chars() {
            if line.len() >= width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    lines
}
