//! One line on a terminal that says what is being measured; nothing where nobody watches.

use std::io::{IsTerminal, Write};

/// The line.
pub(crate) struct Progress {
    shown: bool,
    total: usize,
    done: usize,
}

impl Progress {
    /// Of `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self { shown: std::io::stderr().is_terminal(), total, done: 0 }
    }

    /// The next step begins.
    pub(crate) fn step(&mut self, what: &str) {
        self.done += 1;
        if self.shown {
            eprint!("\r\x1b[K[{}/{}] {what}", self.done, self.total);
            // A line that is not seen at once does no harm.
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
