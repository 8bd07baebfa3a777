//! The bar that moves while pictures are worked on, and the lines of those that failed.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::order::Outcome;

/// Shows how far the work is, on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for so many pictures. It is shown on a terminal only, and not at all if `quiet`.
    pub fn new(pictures: usize, quiet: bool) -> Self {
        // The library itself hides the bar where standard error is no terminal.
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(pictures as u64), target);
        let template = "{bar:36.cyan/blue} {pos}/{len} pictures {msg:.dim}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━╌"));
        }
        Self { bar }
    }

    /// One picture more is done, or has failed: that gets a line which stays.
    pub fn advance(&self, outcome: &Outcome) {
        match &outcome.result {
            Ok(thumbnail) => {
                self.bar.set_message(format!("{} by {}", outcome.name, thumbnail.variant));
            }
            Err(error) => self.bar.suspend(|| eprintln!("{}: {error}", outcome.name)),
        }
        self.bar.inc(1);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
