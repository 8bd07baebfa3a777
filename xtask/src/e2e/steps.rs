//! What is told of each step: a line as it begins and its figures at its end, or lines of JSON.

use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::signals::Trouble;

/// What was seen in a step: figures by name, in their order.
pub(super) type Seen = Vec<(&'static str, Value)>;

/// How a step ended that did not fail.
pub(super) enum Ended {
    /// All that was asserted held.
    Held(Seen),
    /// It cannot be done on this machine, for this reason.
    Skipped(String),
}

/// Tells of steps.
#[derive(Debug, Default)]
pub(super) struct Steps {
    json: bool,
    /// How many held.
    held: usize,
    /// Those that were skipped, and why.
    skipped: Vec<String>,
}

impl Steps {
    pub(super) fn new(json: bool) -> Self {
        Self { json, ..Self::default() }
    }

    /// Runs a step and tells of it.
    ///
    /// # Errors
    /// It failed, or was interrupted; the error names the step.
    pub(super) fn run(
        &mut self,
        name: &'static str,
        about: &str,
        step: impl FnOnce() -> Result<Ended, Trouble>,
    ) -> Result<(), Trouble> {
        if !self.json {
            print!("{name:<10} {about} ");
            let _ = std::io::stdout().flush();
        }
        let (ended, took) = timed(step);
        let (word, seen) = match &ended {
            Ok(Ended::Held(seen)) => ("held", seen.clone()),
            Ok(Ended::Skipped(why)) => ("skipped", vec![("why", json!(why))]),
            Err(Trouble::Failed(why)) => ("failed", vec![("why", json!(why))]),
            Err(Trouble::Interrupted) => ("interrupted", Seen::new()),
        };
        self.tell(name, word, took, seen);
        match ended {
            Ok(Ended::Held(_)) => self.held += 1,
            Ok(Ended::Skipped(why)) => self.skipped.push(format!("{name}: {why}")),
            Err(Trouble::Failed(why)) => return Err(Trouble::Failed(format!("{name}: {why}"))),
            Err(Trouble::Interrupted) => return Err(Trouble::Interrupted),
        }
        Ok(())
    }

    /// Tells people how many there were.
    pub(super) fn sum_up(&self) {
        if !self.json {
            println!("{} steps held, {} skipped", self.held, self.skipped.len());
        }
    }

    fn tell(&self, name: &str, word: &str, took: Duration, seen: Seen) {
        let seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
        if self.json {
            let mut line = Map::new();
            line.insert("step".to_owned(), json!(name));
            line.insert("outcome".to_owned(), json!(word));
            line.insert("seconds".to_owned(), json!(seconds));
            line.extend(seen.into_iter().map(|(name, value)| (name.to_owned(), value)));
            println!("{}", Value::Object(line));
            return;
        }
        println!("... {word}, {seconds:.1} s");
        for (name, value) in seen {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            println!("{:<10}   {name}: {value}", "");
        }
    }
}

fn timed<T>(step: impl FnOnce() -> T) -> (T, Duration) {
    // Real time is what is told; nothing is decided by it.
    #[allow(clippy::disallowed_methods)]
    let start = std::time::Instant::now();
    let ended = step();
    (ended, start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_is_named_and_one_that_is_skipped_is_remembered() {
        let mut steps = Steps::new(true);
        steps.run("a", "", || Ok(Ended::Held(vec![("calls", json!(3))]))).unwrap();
        steps.run("b", "", || Ok(Ended::Skipped("no root".to_owned()))).unwrap();
        assert_eq!(
            (steps.held, steps.skipped.as_slice()),
            (1, ["b: no root".to_owned()].as_slice())
        );
        let failed = steps.run("c", "", || Err(Trouble::Failed("lost".to_owned())));
        assert!(matches!(failed, Err(Trouble::Failed(why)) if why == "c: lost"));
    }
}
