//! The report of a schema's mistakes for people: each with the line it stands in and a caret under
//! the place.

use std::fmt::Write;

use crate::mistake::{Mistake, SchemaErrors};
use crate::place::Places;
use crate::quote::screen_safe;

/// Longest piece of a line that is shown, in characters; the place is always in it.
const LINE_CHARS_MAX: usize = 100;
/// How much of a long line stands before the place, in characters.
const LEAD_CHARS: usize = 50;

impl SchemaErrors {
    /// The report as text, like a compiler's. `source` is the text that was read; nothing of it
    /// reaches the report unescaped.
    ///
    /// ```
    /// use meshwork_schema::Schema;
    /// let source = "[gateway]\n_alow = []\n";
    /// let report = Schema::from_toml(source).unwrap_err().render("mesh.toml", source);
    /// assert_eq!(report, "\
    /// error: `_alow` is not a key of a worker
    ///  --> mesh.toml:2:1
    ///   |
    /// 2 | _alow = []
    ///   | ^^^^^
    ///   = help: did you mean `_allow`?
    ///
    /// mesh.toml: 1 mistake
    /// ");
    /// ```
    pub fn render(&self, file_name: &str, source: &str) -> String {
        let file_name: String = file_name.chars().map(screen_safe).collect();
        let places = Places::new(source);
        let mut report = String::new();
        for mistake in &self.mistakes {
            let line = places.line_text(mistake.line.saturating_sub(1));
            let place = source.get(mistake.start..mistake.end).unwrap_or_default();
            render_mistake(&mut report, mistake, &file_name, &shown_line(line, mistake, place));
            report.push('\n');
        }
        let count = self.mistakes.len() + self.more;
        let plural = if count == 1 { "" } else { "s" };
        let _ = write!(report, "{file_name}: {count} mistake{plural}");
        if self.more > 0 {
            let _ = write!(report, ", the first {} are shown", self.mistakes.len());
        }
        report.push('\n');
        report
    }
}

// Writing to a String cannot fail, which is why the results are let go.
fn render_mistake(report: &mut String, mistake: &Mistake, file_name: &str, shown: &ShownLine) {
    let Mistake { line, column, message, .. } = mistake;
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let _ = writeln!(report, "error: {message}");
    let _ = writeln!(report, "{gutter}--> {file_name}:{line}:{column}");
    let _ = writeln!(report, "{gutter} |");
    let _ = writeln!(report, "{}", format!("{number} | {}", shown.text).trim_end());
    let carets = "^".repeat(shown.carets);
    let _ = writeln!(report, "{gutter} | {}{carets}", " ".repeat(shown.caret_at));
    if let Some(help) = &mistake.help {
        let _ = writeln!(report, "{gutter} = help: {help}");
    }
}

/// A line as it is shown, and where the carets stand under it, in characters.
struct ShownLine {
    text: String,
    caret_at: usize,
    carets: usize,
}

fn shown_line(line: &str, mistake: &Mistake, place: &str) -> ShownLine {
    let chars: Vec<char> = line.chars().map(screen_safe).collect();
    let place_chars = place.lines().next().unwrap_or_default().chars().count();
    let place_at = mistake.column.saturating_sub(1).min(chars.len());

    let fits = chars.len() <= LINE_CHARS_MAX;
    let from = if fits { 0 } else { place_at.saturating_sub(LEAD_CHARS) };
    let to = chars.len().min(from + LINE_CHARS_MAX);
    let lead = if from > 0 { "..." } else { "" };
    let tail = if to < chars.len() { "..." } else { "" };
    let middle: String = chars.get(from..to).unwrap_or_default().iter().collect();
    ShownLine {
        text: format!("{lead}{middle}{tail}"),
        caret_at: lead.len() + place_at - from,
        carets: place_chars.min(to.saturating_sub(place_at)).max(1),
    }
}

#[cfg(test)]
mod tests;
