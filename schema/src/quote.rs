//! Text from a file, made safe to show: short, on one line, without control or direction marks.

/// Longest piece of a file that a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 64;

/// The text in backquotes, escaped, and cut if it is long.
pub fn quote(text: &str) -> String {
    let mut shown = String::from("`");
    for (index, character) in text.chars().enumerate() {
        if index == SHOWN_CHARS_MAX {
            shown.push_str("...");
            break;
        }
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown.push('`');
    shown
}

/// The texts in backquotes, as a list in words: "`a`, `b` or `c`".
pub(crate) fn quote_choice(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}

/// The character itself, or one of the same width in its place: control characters and direction
/// marks of a file must not steer a terminal, and a tab would move the caret from its place.
pub(crate) fn screen_safe(character: char) -> char {
    match character {
        '\t' => ' ',
        '"' | '\'' | '\\' => character,
        _ if character.escape_debug().count() == 1 => character,
        _ => char::REPLACEMENT_CHARACTER,
    }
}
