//! Bytes of a text to lines and columns.

use std::ops::Range;

/// Where the lines of a text begin.
pub(crate) struct Places<'s> {
    source: &'s str,
    line_starts: Vec<usize>,
}

/// A place in a text. Line and column are counted from 0, the column in characters.
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// In bytes, within the text and between characters.
    pub(crate) span: Range<usize>,
}

impl<'s> Places<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        let after_breaks = source.match_indices('\n').map(|(at, _)| at + 1);
        Self { source, line_starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// Line of a byte, counted from 0.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// A line without its break; empty past the end of the text.
    pub(crate) fn line_text(&self, line: usize) -> &'s str {
        let start = self.line_starts.get(line).copied().unwrap_or(self.source.len());
        let rest = self.source.get(start..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }

    /// The place of a span, moved into the text: parsers point past its end, or into a character,
    /// where it breaks off.
    pub(crate) fn locate(&self, span: &Range<usize>) -> Place {
        let start = self.source.floor_char_boundary(span.start);
        let end = self.source.ceil_char_boundary(span.end.max(start));
        let line = self.line(start);
        let line_start = self.line_starts.get(line).copied().unwrap_or_default();
        let before = self.source.get(line_start..start).unwrap_or_default();
        Place { line, column: before.chars().count(), span: start..end }
    }
}
