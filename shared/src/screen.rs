//! Text from elsewhere on a screen: escaped where it could begin another line, steer the terminal
//! that shows it, or turn it around.

use std::fmt::{Display, Write as _};

/// Control characters, separators of lines, and what turns the direction of text around.
fn is_unsafe(letter: char) -> bool {
    let turns = |letter| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') || turns(letter)
}

/// A text with everything escaped that could end a line or steer a terminal.
///
/// ```
/// use meshwork_shared::screen::one_line;
/// assert_eq!(one_line("a\nb\u{1b}[2J"), "a\\nb\\u{1b}[2J");
/// ```
pub fn one_line(text: impl Display) -> String {
    escaped(text, |_| false)
}

/// As [`one_line`], but line feeds stay.
///
/// ```
/// use meshwork_shared::screen::lines;
/// assert_eq!(lines("a\nb\r\u{1b}[2J"), "a\nb\\r\\u{1b}[2J");
/// ```
pub fn lines(text: impl Display) -> String {
    escaped(text, |letter| letter == '\n')
}

fn escaped(text: impl Display, stays: impl Fn(char) -> bool) -> String {
    let text = text.to_string();
    let steers = |letter| is_unsafe(letter) && !stays(letter);
    if !text.contains(steers) {
        return text;
    }
    text.chars().fold(String::with_capacity(text.len()), |mut safe, letter| {
        if steers(letter) {
            safe.extend(letter.escape_default());
        } else {
            safe.push(letter);
        }
        safe
    })
}

/// JSON as one line of plain letters: JSON itself leaves some characters as they are that steer a
/// terminal. What it reads back as is the same.
///
/// ```
/// use meshwork_shared::screen::json;
/// assert_eq!(json("\"\u{9b}2J\""), r#""\u009b2J""#);
/// ```
pub fn json(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, letter| {
        if is_unsafe(letter) {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                // A String takes whatever is written.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(letter);
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORGED: &str =
        "hello\n[2026-11-21T10:00:00Z ERROR meshwork] forged\r\u{1b}[2J\u{85}\u{2028}\u{202e}\"}";

    #[test]
    fn no_text_makes_a_second_line_or_steers_a_terminal() {
        let line = one_line(FORGED);
        assert!(!line.contains(is_unsafe), "{line:?}");
        assert!(line.starts_with("hello\\n[2026"), "{line}");
        assert!(!lines(FORGED).contains(|letter| is_unsafe(letter) && letter != '\n'));
        let plain = "plain, \u{fc}mlauts and \"quotes\"";
        assert_eq!(one_line(plain), plain);
    }

    #[test]
    fn json_reads_back_as_it_was() {
        let line = json(&serde_json::Value::from(FORGED).to_string());
        assert!(!line.contains(is_unsafe), "{line:?}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), FORGED);
    }
}
