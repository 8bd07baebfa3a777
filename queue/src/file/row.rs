//! A job as columns.

use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use meshwork_shared::codec::Codec;
use meshwork_shared::ids::JobId;
use rusqlite::types::Type;
use rusqlite::{Error as SqlError, Result as SqlResult, Row};

use super::limits::INLINE_BYTES_MAX;
use crate::job::{Attempt, AttemptError, Dedupe, NewJob, Priority, Start};
use crate::size::{cut, history_bytes};
use crate::status::Reply;

/// Where a job stands; the number is what the column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready = 0,
    Scheduled = 1,
    Running = 2,
    Dead = 3,
    Ended = 4,
}

impl State {
    pub(super) fn of(number: i64) -> Option<Self> {
        [Self::Ready, Self::Scheduled, Self::Running, Self::Dead, Self::Ended]
            .into_iter()
            .find(|state| *state as i64 == number)
    }
}

/// The state of a row that cannot be read as a job: nothing is done with it any more.
pub(super) const ASIDE: i64 = 5;

/// A row that cannot be read as a job. It is the fault of nobody who asks, and others go on.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) place: i64,
    pub(super) error: SqlError,
}

/// Reads a row, of which the first column is its place.
pub(super) fn read_row<T>(
    row: &Row<'_>,
    read: impl FnOnce(&Row<'_>) -> SqlResult<T>,
) -> SqlResult<Result<T, Unreadable>> {
    match read(row) {
        Ok(read) => Ok(Ok(read)),
        Err(error) if is_of_value(&error) => Ok(Err(Unreadable { place: row.get(0)?, error })),
        Err(error) => Err(error),
    }
}

/// Whether a value in the file is the fault, and not the file.
pub(super) fn is_of_value(error: &SqlError) -> bool {
    matches!(
        error,
        SqlError::FromSqlConversionFailure(..)
            | SqlError::IntegralValueOutOfRange(..)
            | SqlError::InvalidColumnType(..)
            | SqlError::Utf8Error(..)
    )
}

/// The columns of [`Slip::read`], in its order.
pub(super) const SLIP: &str = "place, id, state, attempt, uncounted, tries, enqueued, since, \
    priority, consumer, history, bytes, body_bytes";

/// Columns of [`SLIP`]; what else is selected follows them.
pub(super) const SLIP_COLUMNS: usize = 13;

/// The columns of [`read_job`], to be selected behind [`SLIP`].
pub(super) const JOB: &str = "caller, caller_variant, codec, coalesce(body, \
    (SELECT body FROM bodies WHERE bodies.place = jobs.place)), key, trace, start_after, \
    start_at, dedupe_key, dedupe_window, attempts, run_timeout";

/// What changes of a job, and what it is found by.
#[derive(Debug)]
pub(super) struct Slip {
    pub(super) place: i64,
    pub(super) id: JobId,
    pub(super) state: State,
    /// Number of the present or last run. It only grows, so that no two runs have the same token.
    pub(super) attempt: u32,
    /// Runs among them that do not count: handed back, or before it was made a job again.
    pub(super) uncounted: u32,
    /// Attempts that it has, as whoever leased it last said.
    pub(super) tries: u32,
    pub(super) enqueued: u64,
    pub(super) since: u64,
    pub(super) priority: Priority,
    pub(super) consumer: Option<String>,
    pub(super) history: Vec<Attempt>,
    /// What it is counted with.
    pub(super) bytes: usize,
    pub(super) body_bytes: usize,
}

impl Slip {
    /// Reads the columns of [`SLIP`], the first ones of the row.
    pub(super) fn read(row: &Row<'_>) -> SqlResult<Self> {
        let state = row.get(2)?;
        let history: Option<String> = row.get(10)?;
        let history = match history {
            None => Vec::new(),
            Some(text) => serde_json::from_str(&text).map_err(|error| broken(10, error))?,
        };
        Ok(Self {
            place: row.get(0)?,
            id: JobId(row.get(1)?),
            state: State::of(state).ok_or_else(|| broken(2, "no state has this number"))?,
            attempt: row.get(3)?,
            uncounted: row.get(4)?,
            tries: row.get(5)?,
            enqueued: row.get(6)?,
            since: row.get(7)?,
            priority: priority(row.get(8)?),
            consumer: row.get(9)?,
            history,
            bytes: row.get(11)?,
            body_bytes: row.get(12)?,
        })
    }

    /// Runs that count, the present one included.
    pub(super) fn counted(&self) -> u32 {
        self.attempt.saturating_sub(self.uncounted)
    }

    /// Whether its body has a place of its own.
    pub(super) fn is_large(&self) -> bool {
        self.body_bytes > INLINE_BYTES_MAX
    }

    /// Writes the failure of the present run into the history, or why there was none. Answers how
    /// many bytes more the job is counted with: less than none where an old attempt gave way.
    pub(super) fn note(&mut self, error: AttemptError, now: u64) -> i64 {
        let before = history_bytes(self.history.iter());
        if self.history.len() == crate::limits::HISTORY_ATTEMPTS_MAX {
            self.history.remove(0);
        }
        let is_running = self.state == State::Running;
        let consumer = self.consumer.clone().filter(|_| is_running).unwrap_or_default();
        self.history.push(Attempt {
            attempt: self.attempt,
            consumer,
            started_unix_ms: if is_running { self.since } else { now },
            ended_unix_ms: now,
            error: cut(error),
        });
        let after = history_bytes(self.history.iter());
        self.bytes = self.bytes + after - before;
        integer(after) - integer(before)
    }

    /// The history as its column holds it.
    pub(super) fn history_text(&self) -> SqlResult<Option<String>> {
        if self.history.is_empty() {
            return Ok(None);
        }
        serde_json::to_string(&self.history)
            .map(Some)
            .map_err(|error| SqlError::ToSqlConversionFailure(error.into()))
    }
}

/// Reads the columns of [`JOB`], which follow those of `slip`.
pub(super) fn read_job(row: &Row<'_>, slip: &Slip) -> SqlResult<NewJob> {
    const AT: usize = SLIP_COLUMNS;
    let start = match (row.get(AT + 6)?, row.get(AT + 7)?) {
        (Some(wait), _) => Start::After(Duration::from_micros(wait)),
        (None, Some(unix_ms)) => Start::At(unix_ms),
        (None, None) => Start::Now,
    };
    let dedupe = match (row.get(AT + 8)?, row.get(AT + 9)?) {
        (Some(key), Some(window)) => Some(Dedupe { key, window: Duration::from_micros(window) }),
        _ => None,
    };
    let run_timeout: Option<u64> = row.get(AT + 11)?;
    Ok(NewJob {
        id: slip.id,
        caller: name(row, AT)?,
        caller_variant: name(row, AT + 1)?,
        codec: codec(row, AT + 2)?,
        body: row.get::<_, Vec<u8>>(AT + 3)?.into(),
        key: row.get::<_, Option<String>>(AT + 4)?.map(Into::into),
        trace: row.get::<_, Option<Vec<u8>>>(AT + 5)?.map(Bytes::from),
        start,
        priority: slip.priority,
        dedupe,
        attempts: row.get(AT + 10)?,
        run_timeout: run_timeout.map(Duration::from_micros),
    })
}

/// Reads a reply from its codec at column `at` and its bytes behind it.
pub(super) fn read_reply(row: &Row<'_>, at: usize) -> SqlResult<Option<Reply>> {
    let body: Option<Vec<u8>> = row.get(at + 1)?;
    body.map(|body| Ok(Reply { codec: codec(row, at)?, body: body.into() })).transpose()
}

/// Reads a name, which was valid when it was stored.
pub(super) fn name<N: std::str::FromStr<Err: Display>>(row: &Row<'_>, at: usize) -> SqlResult<N> {
    let text = row.get_ref(at)?.as_str()?;
    text.parse().map_err(|error: N::Err| broken(at, error))
}

fn codec(row: &Row<'_>, at: usize) -> SqlResult<Codec> {
    Codec::from_wire(row.get(at)?).ok_or_else(|| broken(at, "no codec has this number"))
}

/// A value that this program did not write.
fn broken(at: usize, error: impl Display) -> SqlError {
    SqlError::FromSqlConversionFailure(at, Type::Null, error.to_string().into())
}

/// The number of a priority: the lower, the sooner.
pub(super) fn priority_rank(priority: Priority) -> i64 {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    }
}

fn priority(rank: i64) -> Priority {
    match rank {
        0 => Priority::High,
        1 => Priority::Normal,
        _ => Priority::Low,
    }
}

/// A number as SQLite has it; one beyond its largest is that.
pub(super) fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A duration as a column holds it.
pub(super) fn micros(duration: Duration) -> i64 {
    integer(duration.as_micros())
}

/// Milliseconds of a wait, rounded up: a job never runs before its time.
pub(super) fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
