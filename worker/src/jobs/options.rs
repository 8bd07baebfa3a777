//! What a caller may choose for one job.

use std::time::Duration;

use meshwork_queue::limits::DEDUPE_KEY_BYTES_MAX;
use meshwork_queue::{Dedupe, NewJob, Priority, Start};
use meshwork_shared::ids::JobId;
use meshwork_shared::outcome::NotExecuted;

use super::limits::TIME_MAX;

/// Options of one job. What is not set is as the schema says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOptions {
    /// Its id; `None`: one is drawn. The same id enqueued again is the same job: that makes it safe
    /// to repeat an enqueue of unknown outcome.
    pub id: Option<JobId>,
    /// When it may run; default: as soon as there is a slot.
    pub start: Start,
    /// Which jobs go first.
    pub priority: Priority,
    /// Refuses a second job of the same key for a while.
    pub dedupe: Option<Dedupe>,
    /// Runs before it is a dead letter; at least 1.
    pub attempts: Option<u32>,
    /// How long one run may take; at least 1 ms.
    pub run_timeout: Option<Duration>,
}

impl JobOptions {
    /// Whether these can be.
    ///
    /// # Errors
    /// `ArgumentRefused`: the caller's mistake; nothing was stored.
    pub(crate) fn check(&self) -> Result<(), NotExecuted> {
        let long_key =
            self.dedupe.as_ref().is_some_and(|dedupe| dedupe.key.len() > DEDUPE_KEY_BYTES_MAX);
        let wrong = if long_key {
            format!("the dedupe key is longer than {DEDUPE_KEY_BYTES_MAX} bytes")
        } else if self.dedupe.as_ref().is_some_and(|dedupe| dedupe.window > TIME_MAX) {
            "the window of the dedupe key is longer than ten years".to_owned()
        } else if matches!(self.start, Start::After(wait) if wait > TIME_MAX) {
            "the delay is longer than ten years".to_owned()
        } else if self.run_timeout.is_some_and(|time| time > TIME_MAX) {
            "the run_timeout is longer than ten years".to_owned()
        } else if self.attempts == Some(0) {
            "a job needs at least one attempt".to_owned()
        } else if self.run_timeout.is_some_and(|time| time < Duration::from_millis(1)) {
            "the run_timeout is shorter than a millisecond".to_owned()
        } else {
            return Ok(());
        };
        Err(NotExecuted::ArgumentRefused { message: wrong })
    }

    /// Gives a job these options; its id stays.
    pub(crate) fn apply(&self, job: NewJob) -> NewJob {
        NewJob {
            start: self.start,
            priority: self.priority,
            dedupe: self.dedupe.clone(),
            attempts: self.attempts,
            run_timeout: self.run_timeout,
            ..job
        }
    }
}

/// The methods of builders that choose a job's options; `$at` is the place of the options.
macro_rules! job_options {
    ($($at:ident).+) => {
        /// Lets the job run after this time, and not before.
        pub fn delay(mut self, delay: std::time::Duration) -> Self {
            self.$($at).+.start = meshwork_queue::Start::After(delay);
            self
        }

        /// Lets the job run at this unix time in milliseconds, by the clock of the queue, and not
        /// before.
        pub fn at(mut self, unix_ms: u64) -> Self {
            self.$($at).+.start = meshwork_queue::Start::At(unix_ms);
            self
        }

        /// Which jobs go first: all ready ones of a higher priority before any of a lower one.
        pub fn priority(mut self, priority: meshwork_queue::Priority) -> Self {
            self.$($at).+.priority = priority;
            self
        }

        /// Stores no second job of the same key for `window`; the receipt names the first one then.
        pub fn dedupe(mut self, key: impl Into<String>, window: std::time::Duration) -> Self {
            self.$($at).+.dedupe = Some(meshwork_queue::Dedupe { key: key.into(), window });
            self
        }

        /// Runs of the job before it is a dead letter, instead of the command's `attempts`.
        pub fn attempts(mut self, attempts: u32) -> Self {
            self.$($at).+.attempts = Some(attempts);
            self
        }

        /// How long one run may take, instead of the command's `run_timeout`.
        pub fn run_timeout(mut self, time: std::time::Duration) -> Self {
            self.$($at).+.run_timeout = Some(time);
            self
        }
    };
}

pub(crate) use job_options;
