//! What came of a soak: lines for people, a line of JSON for machines.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::arguments::Fsync;
use crate::check::Verdict;

/// A soak that came to its end. The names are part of what scripts rely on.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) fsync: Fsync,
    pub(crate) jobs: u32,
    pub(crate) workers: u32,
    pub(crate) kills: BTreeMap<&'static str, usize>,
    pub(crate) seconds: f64,
    /// How long Redis was away at the longest, killed to answering, seconds.
    pub(crate) redis_away_max_seconds: f64,
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
}

impl Report {
    /// Prints it.
    pub(crate) fn show(&self, json: bool) {
        if json {
            // Only a map with keys that are no text could fail, and there is none.
            println!("{}", serde_json::to_string(self).unwrap_or_default());
        } else {
            print!("{}", self.text());
        }
    }

    fn text(&self) -> String {
        let Self { verdict, kills, .. } = self;
        let kills: Vec<String> =
            kills.iter().map(|(victim, count)| format!("{victim} {count}")).collect();
        let mut lines = vec![
            format!(
                "{} jobs, {} workers, appendfsync {}, seed {}: {:.0} s",
                self.jobs,
                self.workers,
                self.fsync.name(),
                self.seed,
                self.seconds
            ),
            format!(
                "killed with SIGKILL: {}; Redis was away for {:.1} s at most",
                kills.join(", "),
                self.redis_away_max_seconds
            ),
            format!(
                "enqueueing: {} acknowledged; on the way there, {} times not executed and {} times \
                 unknown",
                verdict.acknowledged, verdict.not_executed, verdict.unknown
            ),
            format!(
                "running: {} ran, {} of them more than once ({} runs again)",
                verdict.ran, verdict.ran_twice, verdict.runs_again
            ),
        ];
        if self.fsync == Fsync::Everysec {
            lines.push(format!(
                "lost by Redis within 2 s of its death, as everysec allows: {}. (A kill takes only \
                 what the server had put off writing; a power cut takes what was not synced too.)",
                verdict.lost_in_window
            ));
        }
        if let Some(left) = verdict.left {
            lines.push(format!(
                "left: {} waiting, {} scheduled, {} leased, {} dead letters",
                left.depth, left.scheduled, left.leased, left.dead
            ));
        }
        if verdict.violations.is_empty() {
            lines.push("every promise was kept".to_owned());
        }
        lines.extend(verdict.violations.iter().map(|broken| format!("BROKEN: {broken}")));
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_promises_stand_out() {
        let mut report = Report {
            seed: 7,
            fsync: Fsync::Everysec,
            jobs: 10,
            workers: 3,
            kills: BTreeMap::from([("redis", 2)]),
            seconds: 1.0,
            redis_away_max_seconds: 0.5,
            verdict: Verdict::default(),
        };
        let text = report.text();
        assert!(text.contains("seed 7") && text.contains("redis 2"), "{text}");
        assert!(text.ends_with("every promise was kept\n"), "{text}");
        report.verdict.violations.push("1 jobs never ran".to_owned());
        assert!(report.text().ends_with("BROKEN: 1 jobs never ran\n"));
    }
}
