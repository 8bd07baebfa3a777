//! Output for people: colours only on a terminal, and a reader that went away is no error.

use std::io::{self, IsTerminal, Write};

use meshwork_shared::screen;
use serde::Serialize;

use crate::exit::CommandError;

/// What a piece of text means; on a terminal it has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A heading.
    Heading,
    /// All is well.
    Good,
    /// Something is wrong.
    Bad,
    /// Beside the point.
    Faint,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Heading => "1",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Faint => "2",
        }
    }
}

/// Whether colours are shown, decided once per stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    /// For what is written to standard output.
    pub(crate) fn stdout() -> Self {
        Self(io::stdout().is_terminal() && wanted())
    }

    /// No colours at all.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(false)
    }

    fn stderr() -> Self {
        Self(io::stderr().is_terminal() && wanted())
    }

    /// `text`, in the colour of `style` if colours are shown.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.0 { format!("\x1b[{}m{text}\x1b[0m", style.code()) } else { text.to_owned() }
    }
}

/// `NO_COLOR` is what people set who never want colours (<https://no-color.org>).
fn wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Text from elsewhere with what could steer a terminal made visible; line ends stay.
pub(crate) fn screen_safe(text: &str) -> String {
    screen::lines(text)
}

/// Whether a person looks at standard output.
pub(crate) fn is_interactive() -> bool {
    io::stdout().is_terminal()
}

/// Writes to standard output. A reader that closed it (`| head`) has seen enough.
pub(crate) fn say(text: &str) {
    write_all(&mut io::stdout().lock(), text);
}

/// Up so many lines, and what is below is cleared.
pub(crate) fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A\x1b[J") }
}

/// Writes whole lines over the last `drawn` ones of a terminal; answers how many there are now.
pub(crate) fn redraw(drawn: usize, text: &str) -> usize {
    // Lines that are wider than the terminal are cut: a wrapped one would be two to go up.
    let (no_wrap, wrap) = ("\x1b[?7l", "\x1b[?7h");
    say(&format!("{}{no_wrap}{text}{wrap}", up(drawn)));
    text.lines().count()
}

/// Writes a line for people to standard error, where it is in no script's way.
pub(crate) fn note(text: &str) {
    write_all(&mut io::stderr().lock(), &format!("{text}\n"));
}

/// Writes one line of JSON to standard output.
pub(crate) fn say_json(value: &impl Serialize) {
    // Only a map with keys that are no text can fail, and there is none.
    let line = serde_json::to_string(value).unwrap_or_default();
    say(&format!("{}\n", screen::json(&line)));
}

/// Says on standard error why the command stopped, and what to do.
pub(crate) fn complain(error: &CommandError) {
    let paint = Paint::stderr();
    let mut text = format!("{} {}\n", paint.paint(Style::Bad, "error:"), error.what);
    for line in error.help.iter().flat_map(|help| help.lines()) {
        text.push_str(format!("  {line}").trim_end());
        text.push('\n');
    }
    write_all(&mut io::stderr().lock(), &text);
}

/// Says on standard error what became of a call.
pub(crate) fn complain_in_short(what: &str) {
    note(&Paint::stderr().paint(Style::Bad, what));
}

fn write_all(stream: &mut impl Write, text: &str) {
    // Nothing is left to tell it to when the stream itself is gone.
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}
