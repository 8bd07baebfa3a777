//! What a load counts, and the line of JSON that tells it. All counts are from the start on; who
//! wants those of a step takes the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Different errors that are kept by their text; further ones are counted, not told.
const ERRORS_MAX: usize = 32;

/// Numbers of prints that are remembered for each thumbnailer, to tell one given out twice.
const NUMBERS_MAX: usize = 1 << 20;

/// Longest time that is told apart from longer ones, microseconds: an hour.
const TOOK_US_MAX: u64 = 3_600_000_000;

/// Upper end of the first step of a shape, microseconds.
const SHAPE_FIRST_US: u64 = 1000;

/// How many times further each step of a shape reaches than the one before it.
const SHAPE_GROWTH: f64 = 1.25;

/// All counts. Clones count into the same.
#[derive(Clone, Debug, Default)]
pub struct Figures(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    resize: Calls,
    print: Calls,
    preview: Jobs,
    errors: BTreeMap<String, u64>,
    numbers: BTreeMap<String, BTreeSet<u64>>,
    numbers_twice: u64,
}

/// Which of the two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `resize`, which may run twice.
    Resize,
    /// `print`, which may not.
    Print,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// Answered by this thumbnailer, and what came is what was asked for.
    Answered {
        /// The thumbnailer.
        by: String,
        /// Since the call began, repeats included.
        took: Duration,
    },
    /// No handler ran, also after repeats.
    NotExecuted(String),
    /// A handler said no, or what came is not what was asked for.
    Failed(String),
    /// It may have run.
    Unknown(String),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// Done by this thumbnailer, and the reply is what was asked for.
    Done {
        /// The thumbnailer.
        by: String,
        /// Since the receipt.
        took: Duration,
    },
    /// Nothing is known of it though there was a receipt: lost.
    Lost(String),
    /// It is a dead letter, or its reply is not what was asked for.
    Dead(String),
}

/// Counts of one kind of call.
#[derive(Clone, Debug, Default)]
struct Calls {
    started: u64,
    held_back: u64,
    repeated: u64,
    not_executed: u64,
    failed: u64,
    unknown: u64,
    by: BTreeMap<String, u64>,
    took: Took,
}

/// Counts of the jobs.
#[derive(Clone, Debug, Default)]
struct Jobs {
    started: u64,
    held_back: u64,
    repeated: u64,
    stored: u64,
    refused: u64,
    asked_again: u64,
    lost: u64,
    dead: u64,
    by: BTreeMap<String, u64>,
    took: Took,
}

/// Times, in microseconds.
#[derive(Clone, Debug)]
struct Took(Histogram<u64>);

impl Default for Took {
    fn default() -> Self {
        // Two digits over these bounds are always a good histogram.
        match Histogram::new_with_bounds(1, TOOK_US_MAX, 2) {
            Ok(times) => Self(times),
            Err(error) => unreachable!("the bounds are good: {error}"),
        }
    }
}

impl Took {
    fn add(&mut self, took: Duration) {
        self.0.saturating_record(took.as_micros() as u64);
    }

    fn times(&self) -> Times {
        let at = |quantile| self.0.value_at_quantile(quantile);
        let steps = self.0.iter_log(SHAPE_FIRST_US, SHAPE_GROWTH);
        let shape = steps.map(|step| (step.value_iterated_to(), step.count_since_last_iteration()));
        let shape = shape.filter(|(_, count)| *count > 0).collect();
        Times { p50_us: at(0.5), p99_us: at(0.99), max_us: self.0.max(), shape }
    }
}

/// The times of answered calls, or of jobs that are done, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// Half took at most this long, microseconds.
    pub p50_us: u64,
    /// All but one of a hundred took at most this long, microseconds.
    pub p99_us: u64,
    /// The longest, microseconds.
    pub max_us: u64,
    /// How many took at most so many microseconds, and more than those before: what the times of a
    /// while can be told from, as the difference of two.
    pub shape: Vec<(u64, u64)>,
}

/// One kind of call in a [`Line`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallLine {
    /// Calls begun.
    pub started: u64,
    /// Calls not begun, because too many were under way.
    pub held_back: u64,
    /// Times that a call that was not executed was made again.
    pub repeated: u64,
    /// Calls that are under way.
    pub under_way: u64,
    /// Calls that were answered well.
    pub answered: u64,
    /// Calls that no handler ran, also after repeats.
    pub not_executed: u64,
    /// Calls that a handler refused, or that were answered wrongly.
    pub failed: u64,
    /// Calls that may have run.
    pub unknown: u64,
    /// Answers by thumbnailer.
    pub by: BTreeMap<String, u64>,
    /// How long they took.
    #[serde(flatten)]
    pub times: Times,
}

/// The jobs in a [`Line`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobLine {
    /// Jobs that were to be stored.
    pub started: u64,
    /// Jobs not begun, because the end of too many was waited for.
    pub held_back: u64,
    /// Times that storing was tried again; it is the same job.
    pub repeated: u64,
    /// Jobs with a receipt: they must be done.
    pub stored: u64,
    /// Jobs that were never stored. Nothing was promised of them.
    pub refused: u64,
    /// Times that the end of a job was asked for again, because the store was away.
    pub asked_again: u64,
    /// Jobs that are stored and not over.
    pub waiting: u64,
    /// Jobs that are done, and answered well.
    pub done: u64,
    /// Jobs that had a receipt and of which nothing is known.
    pub lost: u64,
    /// Dead letters, and wrong answers.
    pub dead: u64,
    /// Jobs done by thumbnailer.
    pub by: BTreeMap<String, u64>,
    /// How long they took from the receipt.
    #[serde(flatten)]
    pub times: Times,
}

/// All that a load has to tell at one moment, as `--json` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Seconds since it began.
    pub second: u64,
    /// Whether it is the last line: nothing is under way any more, or was given up.
    pub last: bool,
    /// Thumbnailers that there is a link to.
    pub thumbnailers: Vec<String>,
    /// Calls that may run twice.
    pub resize: CallLine,
    /// Calls that may not.
    pub print: CallLine,
    /// Jobs.
    pub preview: JobLine,
    /// Numbers of prints that came twice from one thumbnailer: there must be none.
    pub numbers_twice: u64,
    /// What went wrong, and how often.
    pub errors: BTreeMap<String, u64>,
}

impl Figures {
    /// A call begins.
    pub fn call_started(&self, kind: Kind) {
        self.counts().calls(kind).started += 1;
    }

    /// A call was not made because too many are under way.
    pub fn call_held_back(&self, kind: Kind) {
        self.counts().calls(kind).held_back += 1;
    }

    /// A call that was not executed is made again.
    pub fn call_repeated(&self, kind: Kind, why: &str) {
        let mut counts = self.counts();
        counts.calls(kind).repeated += 1;
        counts.error(format!("repeated: {why}"));
    }

    /// A call ended.
    pub fn call_ended(&self, kind: Kind, end: CallEnd) {
        let mut counts = self.counts();
        let calls = counts.calls(kind);
        let error = match end {
            CallEnd::Answered { by, took } => {
                *calls.by.entry(by).or_default() += 1;
                calls.took.add(took);
                return;
            }
            CallEnd::NotExecuted(why) => {
                calls.not_executed += 1;
                format!("not executed: {why}")
            }
            CallEnd::Failed(why) => {
                calls.failed += 1;
                format!("failed: {why}")
            }
            CallEnd::Unknown(why) => {
                calls.unknown += 1;
                format!("unknown: {why}")
            }
        };
        counts.error(error);
    }

    /// A print with this number came from this thumbnailer.
    pub fn numbered(&self, by: &str, number: u64) {
        let mut counts = self.counts();
        let numbers = counts.numbers.entry(by.to_owned()).or_default();
        let is_new = numbers.insert(number);
        if numbers.len() > NUMBERS_MAX {
            numbers.pop_first();
        }
        counts.numbers_twice += u64::from(!is_new);
    }

    /// A job is to be stored.
    pub fn job_started(&self) {
        self.counts().preview.started += 1;
    }

    /// A job was not stored because the end of too many is waited for.
    pub fn job_held_back(&self) {
        self.counts().preview.held_back += 1;
    }

    /// The same job is to be stored again, for it is not known to be.
    pub fn job_repeated(&self, why: &str) {
        let mut counts = self.counts();
        counts.preview.repeated += 1;
        counts.error(format!("repeated: {why}"));
    }

    /// There is a receipt for a job.
    pub fn job_stored(&self) {
        self.counts().preview.stored += 1;
    }

    /// A job was never stored.
    pub fn job_refused(&self, why: &str) {
        let mut counts = self.counts();
        counts.preview.refused += 1;
        counts.error(format!("not stored: {why}"));
    }

    /// The store did not say how a job ended, and is asked again.
    pub fn job_asked_again(&self) {
        self.counts().preview.asked_again += 1;
    }

    /// A job is over.
    pub fn job_ended(&self, end: JobEnd) {
        let mut counts = self.counts();
        let jobs = &mut counts.preview;
        let error = match end {
            JobEnd::Done { by, took } => {
                *jobs.by.entry(by).or_default() += 1;
                jobs.took.add(took);
                return;
            }
            JobEnd::Lost(why) => {
                jobs.lost += 1;
                format!("lost: {why}")
            }
            JobEnd::Dead(why) => {
                jobs.dead += 1;
                format!("dead: {why}")
            }
        };
        counts.error(error);
    }

    /// How it stands.
    pub fn line(&self, second: u64, last: bool, thumbnailers: Vec<String>) -> Line {
        let counts = self.counts();
        Line {
            second,
            last,
            thumbnailers,
            resize: counts.resize.line(),
            print: counts.print.line(),
            preview: counts.preview.line(),
            numbers_twice: counts.numbers_twice,
            errors: counts.errors.clone(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn calls(&mut self, kind: Kind) -> &mut Calls {
        match kind {
            Kind::Resize => &mut self.resize,
            Kind::Print => &mut self.print,
        }
    }

    fn error(&mut self, what: String) {
        let is_known = self.errors.contains_key(&what);
        let what = if is_known || self.errors.len() < ERRORS_MAX { what } else { "other".into() };
        *self.errors.entry(what).or_default() += 1;
    }
}

impl Calls {
    fn line(&self) -> CallLine {
        let answered = self.by.values().sum();
        let ended = answered + self.not_executed + self.failed + self.unknown;
        CallLine {
            started: self.started,
            held_back: self.held_back,
            repeated: self.repeated,
            under_way: self.started.saturating_sub(ended),
            answered,
            not_executed: self.not_executed,
            failed: self.failed,
            unknown: self.unknown,
            by: self.by.clone(),
            times: self.took.times(),
        }
    }
}

impl Jobs {
    fn line(&self) -> JobLine {
        let done = self.by.values().sum();
        JobLine {
            started: self.started,
            held_back: self.held_back,
            repeated: self.repeated,
            stored: self.stored,
            refused: self.refused,
            asked_again: self.asked_again,
            waiting: self.stored.saturating_sub(done + self.lost + self.dead),
            done,
            lost: self.lost,
            dead: self.dead,
            by: self.by.clone(),
            times: self.took.times(),
        }
    }
}

impl Line {
    /// Whether no promise was broken: what was safe to retry came to an answer, no number was given
    /// out twice, and every job with a receipt is done. A `print` of unknown outcome breaks none.
    pub fn is_good(&self) -> bool {
        let Self { resize, print, preview, .. } = self;
        resize.unknown == 0
            && [resize, print].into_iter().all(|calls| calls.not_executed + calls.failed == 0)
            && (preview.lost, preview.dead, preview.waiting) == (0, 0, 0)
            && self.numbers_twice == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(3);

    #[test]
    fn every_call_is_counted_once() {
        let figures = Figures::default();
        let ends = [
            CallEnd::Answered { by: "a".into(), took: SOON },
            CallEnd::NotExecuted("busy".into()),
            CallEnd::Failed("no".into()),
            CallEnd::Unknown("gone".into()),
        ];
        for end in ends {
            figures.call_started(Kind::Print);
            figures.call_ended(Kind::Print, end);
        }
        figures.call_started(Kind::Print);
        let line = figures.line(1, false, Vec::new());
        let print = &line.print;
        assert_eq!((print.started, print.under_way, print.answered), (5, 1, 1));
        assert_eq!((print.not_executed, print.failed, print.unknown), (1, 1, 1));
        assert!(print.times.max_us >= 3000);
        let counts = print.times.shape.iter().map(|(_, count)| count);
        assert_eq!(counts.sum::<u64>(), print.answered);
        assert!(print.times.shape.iter().all(|(to, _)| (3000..4000).contains(to)));
        assert_eq!(line.resize, CallLine::default());
        assert_eq!(line.errors["unknown: gone"], 1);
        assert!(!line.is_good());
    }

    #[test]
    fn a_job_with_a_receipt_must_be_done() {
        let figures = Figures::default();
        figures.job_started();
        figures.job_refused("full");
        figures.job_started();
        figures.job_stored();
        let good = || figures.line(1, true, Vec::new()).is_good();
        assert!(!good(), "it waits");
        figures.job_ended(JobEnd::Done { by: "a".into(), took: SOON });
        assert!(good(), "nothing was promised of the other one");
        figures.job_stored();
        figures.job_ended(JobEnd::Lost("forgotten".into()));
        assert!(!good());
    }

    #[test]
    fn a_number_that_comes_twice_is_seen() {
        let figures = Figures::default();
        figures.numbered("a", 1);
        figures.numbered("b", 1);
        assert!(figures.line(1, true, Vec::new()).is_good());
        figures.numbered("a", 1);
        assert_eq!(figures.line(1, true, Vec::new()).numbers_twice, 1);
    }
}
