//! What processes write down: a line each, with one write, before they go on.

use std::fmt;
use std::str::FromStr;

use meshwork_shared::ids::JobId;

/// A line that is no record: some process wrote what it never should, or only half of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What the producer was told of one enqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Of the job.
    pub(crate) number: u32,
    /// When it was told, unix milliseconds.
    pub(crate) unix_ms: u64,
    pub(crate) answer: Answer,
    /// The id of the job; none where a batch drew it and did not tell, and with a refusal of an id
    /// that an earlier enqueue may have stored.
    pub(crate) job: Option<JobId>,
}

/// The three answers that an enqueue has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Acknowledged.
    Stored,
    /// It is not stored and will not be.
    NotExecuted,
    /// It may be stored.
    Unknown,
}

/// A run of a job, written before its handler returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Of the job.
    pub(crate) number: u32,
    pub(crate) attempt: u32,
    /// `variant#process id`.
    pub(crate) instance: String,
    pub(crate) job: JobId,
}

impl Answer {
    const WORDS: [(Self, &'static str); 3] =
        [(Self::Stored, "stored"), (Self::NotExecuted, "not-executed"), (Self::Unknown, "unknown")];
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Answer::WORDS.iter().find(|(answer, _)| *answer == self.answer);
        let word = word.map_or("", |(_, word)| word);
        write!(f, "{} {} {word} ", self.number, self.unix_ms)?;
        match self.job {
            Some(job) => write!(f, "{job}"),
            None => f.write_str("-"),
        }
    }
}

impl FromStr for Receipt {
    type Err = Malformed;

    fn from_str(line: &str) -> Result<Self, Malformed> {
        let [number, unix_ms, word, job] = words(line)?;
        let answer = Answer::WORDS.iter().find(|(_, known)| *known == word).ok_or(Malformed)?.0;
        let job = if job == "-" { None } else { Some(id(job)?) };
        Ok(Self { number: parse(number)?, unix_ms: parse(unix_ms)?, answer, job })
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.number, self.attempt, self.instance, self.job)
    }
}

impl FromStr for Run {
    type Err = Malformed;

    fn from_str(line: &str) -> Result<Self, Malformed> {
        let [number, attempt, instance, job] = words(line)?;
        let (instance, job) = (instance.to_owned(), id(job)?);
        Ok(Self { number: parse(number)?, attempt: parse(attempt)?, instance, job })
    }
}

fn words(line: &str) -> Result<[&str; 4], Malformed> {
    line.split(' ').collect::<Vec<_>>().try_into().map_err(|_| Malformed)
}

fn id(word: &str) -> Result<JobId, Malformed> {
    serde_json::from_value(word.into()).map_err(|_| Malformed)
}

fn parse<T: FromStr>(word: &str) -> Result<T, Malformed> {
    word.parse().map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        for (answer, _) in Answer::WORDS {
            for job in [None, Some(JobId([7; 16]))] {
                let receipt = Receipt { number: 12, unix_ms: 1_700_000_000_123, answer, job };
                assert_eq!(receipt.to_string().parse(), Ok(receipt));
            }
        }
        let instance = "runner-1#4711".to_owned();
        let run = Run { number: 3, attempt: 2, instance, job: JobId([9; 16]) };
        assert_eq!(run.to_string().parse(), Ok(run));
    }

    #[test]
    fn half_a_line_is_no_record() {
        for line in ["", "12", "12 17 stored", "12 17 stored 0707", "12 17 maybe -", "a b c d"] {
            assert_eq!(line.parse::<Receipt>(), Err(Malformed), "{line}");
            assert_eq!(line.parse::<Run>(), Err(Malformed), "{line}");
        }
    }
}
