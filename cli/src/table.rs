//! Text tables: a heading, then rows, columns two blanks apart.

use std::fmt;

use crate::terminal::{Paint, Style};

/// Which side of its column a cell keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table that is laid out when it is shown.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    headings: [(&'static str, Side); N],
    rows: Vec<[String; N]>,
    paint: Paint,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(headings: [(&'static str, Side); N], paint: Paint) -> Self {
        Self { headings, rows: Vec::new(), paint }
    }

    pub(crate) fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    fn widths(&self) -> [usize; N] {
        let mut widths = self.headings.map(|(heading, _)| heading.chars().count());
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }

    fn line<'c>(&self, cells: impl Iterator<Item = &'c str>, widths: &[usize; N]) -> String {
        let mut line = String::new();
        for ((cell, (_, side)), width) in cells.zip(self.headings).zip(widths) {
            let cell = match side {
                Side::Left => format!("  {cell:<width$}"),
                Side::Right => format!("  {cell:>width$}"),
            };
            line.push_str(&cell);
        }
        line.trim_end().to_owned()
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let heading = self.line(self.headings.iter().map(|(heading, _)| *heading), &widths);
        writeln!(f, "{}", self.paint.paint(Style::Heading, &heading))?;
        for row in &self.rows {
            writeln!(f, "{}", self.line(row.iter().map(String::as_str), &widths))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new([("name", Side::Left), ("n", Side::Right)], Paint::none());
        table.push(["a".to_owned(), "10".to_owned()]);
        table.push(["länger".to_owned(), "7".to_owned()]);
        assert_eq!(table.to_string(), "  name     n\n  a       10\n  länger   7\n");
    }
}
