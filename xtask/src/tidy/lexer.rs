//! Splits Rust text into code and comments, line by line, without parsing it.

/// The text twice, each with the same lines and columns as the original: everything that does not
/// belong is blanked out. Quotes stay in `code`, what stands between them does not.
pub(crate) struct Split {
    /// Code alone.
    pub(crate) code: String,
    /// Comments alone, with their slashes.
    pub(crate) comments: String,
}

/// What the current character belongs to.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    LineComment,
    /// With the depth of nesting.
    BlockComment(u32),
    /// With the number of `#` that end it; `None` for a string in which `\` escapes.
    Text(Option<usize>),
}

/// Splits `text`.
pub(crate) fn split(text: &str) -> Split {
    let chars: Vec<char> = text.chars().collect();
    let mut split = Split { code: String::new(), comments: String::new() };
    let mut state = State::Code;
    let mut at = 0;
    while at < chars.len() {
        let (length, next, kind) = step(&chars, at, state);
        for &c in &chars[at..at + length] {
            split.push(c, kind);
        }
        at += length;
        state = next;
    }
    split
}

/// What a character is copied to.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Blank,
}

impl Split {
    fn push(&mut self, c: char, kind: Kind) {
        let keep = |wanted: Kind| if kind == wanted || c == '\n' { c } else { ' ' };
        self.code.push(keep(Kind::Code));
        self.comments.push(keep(Kind::Comment));
    }
}

/// Takes the characters from `at` that belong together: how many, the state behind them, and what
/// they are.
fn step(chars: &[char], at: usize, state: State) -> (usize, State, Kind) {
    let this = chars[at];
    let next = chars.get(at + 1).copied().unwrap_or('\0');
    match state {
        State::Code => code(chars, at),
        State::LineComment if this == '\n' => (1, State::Code, Kind::Code),
        State::LineComment => (1, state, Kind::Comment),
        State::BlockComment(depth) => match (this, next) {
            ('/', '*') => (2, State::BlockComment(depth + 1), Kind::Comment),
            ('*', '/') if depth == 1 => (2, State::Code, Kind::Comment),
            ('*', '/') => (2, State::BlockComment(depth - 1), Kind::Comment),
            _ => (1, state, Kind::Comment),
        },
        State::Text(None) => match (this, next) {
            ('\\', '\0') => (1, state, Kind::Blank),
            ('\\', _) => (2, state, Kind::Blank),
            ('"', _) => (1, State::Code, Kind::Code),
            _ => (1, state, Kind::Blank),
        },
        State::Text(Some(hashes)) => {
            let closes = this == '"' && hashes_after(chars, at + 1) >= hashes;
            if closes { (1 + hashes, State::Code, Kind::Code) } else { (1, state, Kind::Blank) }
        }
    }
}

fn code(chars: &[char], at: usize) -> (usize, State, Kind) {
    let next = chars.get(at + 1).copied().unwrap_or('\0');
    match (chars[at], next) {
        ('/', '/') => (2, State::LineComment, Kind::Comment),
        ('/', '*') => (2, State::BlockComment(1), Kind::Comment),
        ('"', _) => (1, State::Text(None), Kind::Code),
        ('r', '"' | '#') if starts_raw(chars, at) => {
            let hashes = hashes_after(chars, at + 1);
            (2 + hashes, State::Text(Some(hashes)), Kind::Code)
        }
        ('\'', '\\') => (escaped_char(chars, at), State::Code, Kind::Blank),
        ('\'', _) if chars.get(at + 2) == Some(&'\'') => (3, State::Code, Kind::Blank),
        _ => (1, State::Code, Kind::Code),
    }
}

/// Whether the `r` at `at` opens a raw string: not the end of a word (`br` is), and a quote behind
/// the hashes (`r#type` has none).
fn starts_raw(chars: &[char], at: usize) -> bool {
    let word = |c: &char| c.is_alphanumeric() || *c == '_';
    let mut before = chars[..at].iter().rev().skip_while(|c| matches!(c, 'b' | 'c'));
    let opens = chars.get(at + 1 + hashes_after(chars, at + 1)) == Some(&'"');
    opens && !before.next().is_some_and(word)
}

fn hashes_after(chars: &[char], at: usize) -> usize {
    chars[at..].iter().take_while(|c| **c == '#').count()
}

/// The length of a character literal such as `'\n'` or `'\u{1f}'` that starts at `at`.
fn escaped_char(chars: &[char], at: usize) -> usize {
    let end = chars[at + 3..].iter().position(|c| *c == '\'');
    end.map_or(chars.len() - at, |end| end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_leave_the_code() {
        let split = split("let a = \"// {\"; // why {\nlet b = 1; /* x /* y */ z */ let c;\n");
        assert_eq!(split.code, "let a = \"    \";         \nlet b = 1;                   let c;\n");
        assert!(split.comments.contains("// why {"));
        assert!(split.comments.contains("/* x /* y */ z */"));
        assert!(!split.comments.contains("let"));
    }

    #[test]
    fn raw_strings_characters_and_lifetimes() {
        let text = "f(r#\"a \" {\"#, '{', '\\'', b'\"', '\\u{7b}'); fn x<'a>(y: &'a str) {}";
        let code = split(text).code;
        assert_eq!(code.matches('{').count(), 1, "{code}");
        assert!(code.contains("fn x<'a>(y: &'a str) {}"), "{code}");
        assert!(split("let r#type = br\"{\"; let s = \"\\\"{\";").code.contains("r#type"));
        assert!(!split("br\"{\" \"\\\"{\"").code.contains('{'));
    }

    #[test]
    fn columns_stay() {
        let text = "a /* ü */ b \"ü\" c";
        let split = split(text);
        assert_eq!(split.code.chars().count(), text.chars().count());
    }
}
