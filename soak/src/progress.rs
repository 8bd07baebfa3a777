//! A bar on a terminal, and a line for each kill.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// What people see while it runs.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Whether people read along.
    talks: bool,
}

impl Progress {
    /// Of a run of so many jobs; each is acknowledged, and runs.
    pub(crate) fn new(jobs: u32, talks: bool) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {percent}% {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = if talks { ProgressBar::new(2 * u64::from(jobs)) } else { ProgressBar::hidden() };
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, talks }
    }

    /// So many were acknowledged, and so many have run.
    pub(crate) fn at(&self, acknowledged: usize, ran: usize, kills: usize) {
        self.bar.set_position((acknowledged + ran) as u64);
        self.bar.set_message(format!("{acknowledged} acknowledged, {ran} ran, {kills} kills"));
    }

    /// A line that stays.
    pub(crate) fn say(&self, line: &str) {
        if self.talks {
            self.bar.suspend(|| println!("{line}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
